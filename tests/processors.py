"""Everything that depends on rounding, under each instruction set that this machine has: `make processors`.

The same sum has other last bits with AVX2 than with AVX-512, and a test must not depend on them. PyTorch's own kernels
and oneDNN's are told by one variable each which instructions they may use.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PYTEST = [sys.executable, "-m", "pytest", "-m", "rounding", "-n", "2", "--dist", "loadfile", "--tb=short"]
MARK = "pytest.mark.rounding"


@dataclass(frozen=True)
class Setting:
    """Values of the two variables, and the flag of the processor that they need."""

    aten: str
    onednn: str
    flag: str

    def __str__(self) -> str:
        return f"{self.aten} / {self.onednn}"

    @property
    def environment(self) -> dict[str, str]:
        """One thread per process: on two cores, threads that wait for each other take many times as long."""
        chosen = {"ATEN_CPU_CAPABILITY": self.aten, "ONEDNN_MAX_CPU_ISA": self.onednn}
        return {**os.environ, **chosen, "OMP_NUM_THREADS": "1"}


SETTINGS = [
    Setting("default", "SSE41", "sse4_1"),
    Setting("avx2", "AVX2", "avx2"),
    Setting("avx512", "AVX512_CORE", "avx512bw"),
]
"""What oneDNN has beyond these is for bfloat16 and integers; these tests compute in single and double precision."""


def here(settings: list[Setting]) -> Iterator[Setting]:
    """Those whose instructions the processor has and PyTorch makes use of."""
    info = Path("/proc/cpuinfo")
    flags = set(info.read_text().split()) if info.exists() else set()
    for setting in settings:
        if setting.flag in flags and _capability(setting) == setting.aten:
            yield setting


def _capability(setting: Setting) -> str:
    """What PyTorch says it uses under this setting."""
    ask = "import torch; print(torch.backends.cpu.get_cpu_capability().lower())"
    said = subprocess.run([sys.executable, "-c", ask], env=setting.environment, capture_output=True, text=True)
    return said.stdout.strip()


def marked() -> list[str]:
    """The modules with a mark. To import all others, under each setting, takes longer than the tests."""
    modules = sorted((ROOT / "tests").rglob("test_*.py"))
    return [str(module) for module in modules if MARK in module.read_text()]


def tested(setting: Setting) -> tuple[bool, str]:
    """Run the tests under a setting: whether all passed, and a row of the table."""
    begin = time.monotonic()
    run = subprocess.run([*PYTEST, *marked()], cwd=ROOT, env=setting.environment, capture_output=True, text=True)
    seconds = time.monotonic() - begin
    if run.returncode:
        print(run.stdout, run.stderr, sep="\n", flush=True)
    cells = [_counted(word, run.stdout) for word in ("passed", "failed", "skipped")]
    return run.returncode == 0, _row(setting, *cells, round(seconds))


def _counted(word: str, output: str) -> int:
    """How many tests `word`, according to the last line that says so."""
    return int((re.findall(rf"(\d+) {word}", output) or [0])[-1])


def _row(first: object, *cells: object) -> str:
    return f"{first!s:28}" + "".join(f"{cell!s:>9}" for cell in cells)


def main() -> int:
    """Print the table; 1 if a test failed somewhere."""
    settings = list(here(SETTINGS))
    if not settings:
        print("The instruction sets of this processor cannot be told or chosen: the tests run as they are (make test).")
        return 0
    print(_row("ATEN / oneDNN", "passed", "failed", "skipped", "seconds"))
    good = []
    for setting in settings:
        passed, row = tested(setting)
        print(row, flush=True)
        good.append(passed)
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
