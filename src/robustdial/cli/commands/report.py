"""`robustdial report`."""

from __future__ import annotations

from pathlib import Path

from robustdial import record
from robustdial.cli.commands.report_page import write_page


def report(run: Path, /) -> int:
    """Write the page of a run, a comparison or an evaluation again from its files: robustdial report runs/x

    Args:
        run: the folder.
    """
    if not any((run / name).exists() for name in (record.COMPARE, record.SCORE)):
        record.read_run(run)
    write_page(run)
    return 0
