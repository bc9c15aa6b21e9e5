"""The Pareto front: what no other choice beats."""

from __future__ import annotations

from collections.abc import Sequence


def front(points: Sequence[tuple[float, ...]]) -> list[bool]:
    """For each (cost, gain, ...): whether no other point is at most as dear and at least as good in every gain, and
    better in one of them.

    >>> front([(1, 0.30), (2, 0.50), (3, 0.50), (2, 0.40)])
    [True, True, False, False]
    >>> front([(1, 0.30, 0.90), (2, 0.20, 0.95), (2, 0.20, 0.90)])
    [True, True, False]
    """
    return [not any(_beats(other, point) for other in points) for point in points]


def _beats(other: tuple[float, ...], point: tuple[float, ...]) -> bool:
    (spent, *reached), (cost, *gains) = other, point
    return spent <= cost and all(there >= here for there, here in zip(reached, gains, strict=True)) and other != point
