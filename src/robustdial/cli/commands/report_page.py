"""The page of a folder, and where it is."""

from __future__ import annotations

from pathlib import Path

from robustdial import record
from robustdial.cli.terminal import console
from robustdial.report import render


def check_measured(folder: Path) -> None:
    """Raises FileNotFoundError, with the remedy, if it is neither a run nor a comparison nor an evaluation."""
    if not any((folder / name).exists() for name in (record.COMPARE, record.SCORE)):
        record.read_run(folder)


def write_page(folder: Path) -> None:
    """Write the page of a run or of a comparison, and say where."""
    console.print(f"report: {render(folder)}", soft_wrap=True)
