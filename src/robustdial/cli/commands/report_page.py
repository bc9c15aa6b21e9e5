"""The page of a folder, and where it is."""

from __future__ import annotations

from pathlib import Path

from robustdial.cli.terminal import console
from robustdial.report import render


def write_page(folder: Path) -> None:
    """Write the page of a run or of a comparison, and say where."""
    console.print(f"report: {render(folder)}", soft_wrap=True)
