"""An environment of their own for the libraries that we are compared with. Needs the standard library only."""

from __future__ import annotations

import site
import subprocess
import sys
import tomllib
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
FOLDER = CHECKOUT / ".venv-peers"
PEERS = ("torchattacks", "foolbox", "adversarial-robustness-toolbox")


def enter(script: str) -> None:
    """Return at once inside the environment of the peers; elsewhere make it if need be, run `script` in it, and exit.

    They are kept apart because torchattacks pins an old version of requests.
    """
    if Path(sys.prefix).resolve() == FOLDER:
        return
    python = FOLDER / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    wanted = "\n".join([sys.executable, *_requirements(), *_borrowed()])
    ready = FOLDER / "ready.txt"  # written last: an installation that was cut short is made again
    if not (ready.exists() and ready.read_text(encoding="utf-8") == wanted):
        _make(python)
        ready.write_text(wanted, encoding="utf-8")
    sys.exit(subprocess.run([python, script, *sys.argv[1:]], check=False).returncode)


def _make(python: Path) -> None:
    print(f"Making {FOLDER} with {', '.join(PEERS)} ...", file=sys.stderr)
    subprocess.run([sys.executable, "-m", "venv", "--clear", FOLDER], check=True)
    asked = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        check=True,
        capture_output=True,
        text=True,
    )
    (Path(asked.stdout.strip()) / "borrowed.pth").write_text("\n".join(_borrowed()) + "\n", encoding="utf-8")
    subprocess.run([python, "-m", "pip", "install", "--quiet", *_requirements()], check=True)


def _borrowed() -> list[str]:
    # Packages of the calling environment, which runs the same Python, are found after the new one's own, and pip counts
    # them as installed: PyTorch, gigabytes, is not downloaded again, and what only the peers need goes to the new one.
    return [*site.getsitepackages(), str(CHECKOUT / "src")]


def _requirements() -> list[str]:
    ours = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    return [*PEERS, *ours]
