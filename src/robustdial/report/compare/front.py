"""The Pareto front: what no other choice beats."""

from __future__ import annotations

from collections.abc import Sequence


def front(points: Sequence[tuple[float, float]]) -> list[bool]:
    """For each (cost, gain): whether no other point is at most as dear and at least as good, and better in one of them.

    >>> front([(1, 0.30), (2, 0.50), (3, 0.50), (2, 0.40)])
    [True, True, False, False]
    """
    return [not any(_beats(other, point) for other in points) for point in points]


def _beats(other: tuple[float, float], point: tuple[float, float]) -> bool:
    return other[0] <= point[0] and other[1] >= point[1] and other != point
