"""What a folder is good for, once it is there."""

from __future__ import annotations

from pathlib import Path
from shlex import quote

from robustdial.cli.terminal import console
from robustdial.typing import Json


def print_next(folder: str | Path, about: Json) -> None:
    """The command that measures a run: along its dial, or where it has none, as it is.

    Args:
        folder: of the run.
        about: its `run.json`.
    """
    command = "evaluate" if about["method"]["dial"]["type"] == "Fixed" else "frontier"
    console.print(f"next: robustdial {command} {quote(str(folder))}", soft_wrap=True)
