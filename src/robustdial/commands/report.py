"""`robustdial report`."""

from __future__ import annotations

from pathlib import Path

from robustdial import record
from robustdial.commands.page import write_page


def report(run: Path, /) -> int:
    """Write the page of a run again from its files: robustdial report runs/x

    Args:
        run: folder of the run.
    """
    if not (run / record.COMPARE).exists():
        record.read_run(run)
    write_page(run)
    return 0
