"""Comma-separated values, for other programs: shares in [0, 1], intervals in columns of their own."""

from __future__ import annotations

import csv as written
from io import StringIO

from robustdial.report.tables.base import Cell, Span, Table


def csv(table: Table) -> str:
    """
    >>> print(csv(Table("", ("method", "clean"), [("a,b", Span(0.5, 0.4, 0.6)), ("c", None)])), end="")
    method,clean,clean low,clean high
    "a,b",0.5,0.4,0.6
    c,,,
    """
    out = StringIO()
    lines = written.writer(out, lineterminator="\n")
    accuracies = table.accuracies()
    lines.writerow(
        name
        for column, spread in zip(table.names, accuracies, strict=True)
        for name in ((column, f"{column} low", f"{column} high") if spread else (column,))
    )
    for row in table.rows:
        lines.writerow(value for cell, spread in zip(row, accuracies, strict=True) for value in _values(cell, spread))
    return out.getvalue()


def _values(cell: Cell, spread: bool) -> list[str]:
    values = [*cell] if isinstance(cell, Span) else [cell, None, None] if spread else [cell]
    return ["" if value is None else value if isinstance(value, str) else f"{value:.10g}" for value in values]
