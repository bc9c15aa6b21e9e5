"""`robustdial table`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from robustdial.cli.commands.report_page import check_measured
from robustdial.report.tables import FORMS, table_of


def table(run: Path, /, format: Literal["markdown", "latex", "csv"] = "markdown") -> int:
    """Print what was measured as a table for a paper: robustdial table runs/c --format latex > table.tex

    Of a comparison, a row for each method; of a run, one for each position that `robustdial frontier` measured. Nothing
    is measured anew. As JSON it is there already: compare.json or frontier.json in the folder.

    Args:
        run: folder of a comparison or of a run.
        format: markdown, latex (needs booktabs), or csv, with shares in [0, 1] and intervals in columns of their own.
    """
    check_measured(run)
    print(FORMS[format](table_of(run)), end="")
    return 0
