"""`robustdial report`."""

from __future__ import annotations

from pathlib import Path

from robustdial.cli.commands.report_page import check_measured, write_page


def report(run: Path, /) -> int:
    """Write the page of a run, a comparison or an evaluation again from its files: robustdial report runs/x

    Args:
        run: the folder.
    """
    check_measured(run)
    write_page(run)
    return 0
