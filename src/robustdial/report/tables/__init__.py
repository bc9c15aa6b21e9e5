"""What was measured in a folder as one table for a paper or another program: Markdown, LaTeX or CSV."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from robustdial import record
from robustdial.report.tables import compared, measured
from robustdial.report.tables.base import Table
from robustdial.report.tables.latex import latex
from robustdial.report.tables.markdown import markdown
from robustdial.report.tables.separated import csv

FORMS: dict[str, Callable[[Table], str]] = {"markdown": markdown, "latex": latex, "csv": csv}
"""How a table is written, by the names on the command line."""


def table_of(folder: Path) -> Table:
    """The table of a comparison, or of the measured positions of a run.

    Raises:
        FileNotFoundError: there is nothing of either in the folder.
        ValueError: a file in it is damaged, or nothing was measured yet.
    """
    return compared.table(folder) if (folder / record.COMPARE).exists() else measured.table(folder)


__all__ = ["FORMS", "Table", "table_of"]
