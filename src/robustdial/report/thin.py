"""A page stays small: of many things it shows some, and says where the others are."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import TypeVar

from robustdial.report.folder import Entry

T = TypeVar("T")

POINTS, EPOCHS, EVALUATIONS, ROWS, PICTURED, METHODS, NAMED = 150, 300, 25, 200, 5, 60, 30
"""At most so many: positions of each width, epochs of a curve, evaluations in full, rows of their table, evaluations
with pictures, methods with curves, names in a plot."""


def evenly(items: Sequence[T], most: int) -> list[T]:
    """At most so many of the items, evenly spaced, with both ends.

    >>> evenly(range(101), 5), evenly("ab", 5)
    ([0, 25, 50, 75, 100], ['a', 'b'])
    """
    if len(items) <= most:
        return list(items)
    return [items[round(i * (len(items) - 1) / (most - 1))] for i in range(most)]


def positions(points: Sequence[Entry]) -> list[Entry]:
    """The measured points of a dial, of each width at most `POINTS`."""
    groups = groupby(points, key=lambda point: point["width"])
    return [point for _, group in groups for point in evenly(list(group), POINTS)]
