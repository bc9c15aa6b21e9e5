"""A table of Markdown, accuracies in percent."""

from __future__ import annotations

from robustdial.report.tables.base import Cell, Span, Table, shown
from robustdial.report.words import NONE


def markdown(table: Table) -> str:
    """
    >>> print(markdown(Table("n = 100.", ("method", "clean"), [("a|b", Span(0.5, 0.4, 0.6)), ("c", None)])), end="")
    | method | clean, % |
    | --- | ---: |
    | a\\|b | 50.0 (40.0–60.0) |
    | c | – |
    <BLANKLINE>
    n = 100.
    """
    names = [f"{name}, %" if share else name for name, share in zip(table.names, table.accuracies(), strict=True)]
    lines = [names, ["---" if words else "---:" for words in table.words()]]
    lines += [[_text(cell) for cell in row] for row in table.rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines) + f"\n{table.told}\n"


def _text(cell: Cell) -> str:
    if isinstance(cell, Span):
        return cell.percent(NONE)
    if isinstance(cell, str):
        return cell.replace("|", r"\|")
    return NONE if cell is None else shown(cell)
