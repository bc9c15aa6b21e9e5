"""A table before it is written in any form."""

from __future__ import annotations

from typing import NamedTuple


class Span(NamedTuple):
    """An accuracy and its 95 % interval, in [0, 1]; the interval may be missing."""

    mean: float
    low: float | None
    high: float | None

    def percent(self, dash: str) -> str:
        """The accuracy and its interval in percent, one decimal.

        >>> Span(0.5, 0.4, 0.625).percent("--"), Span(0.5, None, None).percent("--")
        ('50.0 (40.0--62.5)', '50.0')
        """
        ends = "" if self.low is None or self.high is None else f" ({100 * self.low:.1f}{dash}{100 * self.high:.1f})"
        return f"{100 * self.mean:.1f}{ends}"


Cell = str | float | Span | None
"""None was not measured."""


def shown(value: float) -> str:
    """A number for a reader, in three figures or whole.

    >>> shown(7.625), shown(4.0), shown(405664.0)
    ('7.62', '4', '405,664')
    """
    return f"{value:,.0f}" if value == round(value) or value >= 1000 else f"{value:.3g}"


class Table(NamedTuple):
    """What stands in a table, and under which conditions."""

    told: str
    """The conditions, a sentence."""
    names: tuple[str, ...]
    """Of the columns."""
    rows: list[tuple[Cell, ...]]

    def accuracies(self) -> list[bool]:
        """For each column, whether it holds accuracies."""
        return [any(isinstance(row[i], Span) for row in self.rows) for i in range(len(self.names))]

    def words(self) -> list[bool]:
        """For each column, whether it holds words."""
        return [any(isinstance(row[i], str) for row in self.rows) for i in range(len(self.names))]
