"""Where a number comes from: versions, machine, commit, command."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import torch

from robustdial.typing import Json


def provenance() -> dict[str, Json]:
    """What `run.json` says of the circumstances; none of it changes what is computed."""
    return {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {
            "robustdial": version("robustdial"),
            "torch": torch.__version__,
            "python": platform.python_version(),
        },
        "machine": machine(),
        "commit": commit(),
        "command": shlex.join(command(sys.argv)),
    }


def command(argv: Sequence[str]) -> list[str]:
    """The words that began this process, without the folder of its program.

    >>> command(["/usr/bin/robustdial", "demo"]), command(["/x/robustdial/__main__.py", "demo"])
    (['robustdial', 'demo'], ['robustdial', 'demo'])
    >>> command(["/home/somebody/loop.py", "--lr", "1"]), command([""])
    (['python', 'loop.py', '--lr', '1'], ['python'])
    """
    path = Path(argv[0])
    ours = path.stem == "robustdial" or path.parts[-2:] == ("robustdial", "__main__.py")
    return [*(["robustdial"] if ours else filter(None, ["python", path.name])), *argv[1:]]


def machine() -> dict[str, Json]:
    """Processor, its cores, and the accelerator if there is one."""
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return {"cpu": _processor(), "cores": os.cpu_count(), "gpu": gpu}


def commit() -> str | None:
    """The commit of the source this runs from, with `+` if it has been changed since; None outside a checkout."""
    git = ["git", "-C", str(Path(__file__).parent)]
    try:
        found = subprocess.run([*git, "rev-parse", "--short=10", "HEAD"], capture_output=True, text=True, check=True)
        subprocess.run([*git, "ls-files", "--error-unmatch", Path(__file__).name], capture_output=True, check=True)
        changed = subprocess.run([*git, "diff", "--quiet", "HEAD", "--", "."], capture_output=True, check=False)
    except (OSError, subprocess.CalledProcessError):
        return None
    return found.stdout.strip() + ("+" if changed.returncode else "")


def source_digest() -> str:
    """A short digest of the source this runs from, and of the PyTorch under it."""
    digest, root = hashlib.sha256(torch.__version__.encode()), Path(__file__).parent
    for path in sorted(root.rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def _processor() -> str:
    try:
        names = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    except OSError:
        names = None
    return names.group(1) if names else platform.processor() or platform.machine()
