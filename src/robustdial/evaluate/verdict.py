"""What measured accuracies say in plain words: that a network guesses, that a dial may change nothing.

Both are judged from the 95 % intervals of the points: a number that chance explains is called by its name wherever it
would stand in a table.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

Point = Mapping[str, Any]
"""A measured point with `lam`, `clean`, `robust` and perhaps `width`, `clean_interval`, `robust_interval`."""

AT_CHANCE, UNMOVED = "at chance", "its positions are not told apart"


def verdicts(points: Sequence[Point], classes: int) -> list[str]:
    """What a reader of these points must know first, a sentence each; nothing where the numbers speak for themselves.

    Args:
        points: of one network, all under the same attack.
        classes: number of classes; 0 where it is not known.

    >>> def point(lam, clean, low, high): return {"lam": lam, "clean": clean, "clean_interval": [low, high]}
    >>> verdicts([point(0.0, 0.9, 0.8, 0.95), point(1.0, 0.1, 0.05, 0.2)], 10)
    ['At chance at lambda 1: guessing among 10 classes is right as often.']
    >>> verdicts([point(0.0, 0.9, 0.8, 0.95), point(1.0, 0.88, 0.8, 0.94)], 10)
    ['The positions of the dial are not told apart: all their 95 % intervals meet. More images may tell.']
    """
    guessing = [point for point in points if at_chance(point, classes)]
    told = []
    if guessing:
        told.append(f"At chance{_where(guessing, points)}: guessing among {classes} classes is right as often.")
    flat = [width for width, curve in _curves(points) if unmoved(curve)]
    if flat:
        widths = f" at width {', '.join(f'{width:g}' for width in flat)}" if len(_curves(points)) > 1 else ""
        apart = f"The positions of the dial are not told apart{widths}"
        told.append(f"{apart}: all their 95 % intervals meet. More images may tell.")
    return told


def at_chance(point: Point, classes: int) -> bool:
    """Whether guessing among the classes explains the clean accuracy of a point.

    >>> at_chance({"clean": 0.12, "clean_interval": [0.08, 0.17]}, 10), at_chance({"clean": 0.12}, 10)
    (True, False)
    """
    if point.get("clean") is None or classes < 1:
        return False
    return _ends(point, "clean")[0] <= 1 / classes


def unmoved(curve: Sequence[Point]) -> bool:
    """Whether several positions of a dial all have the same accuracies, as far as their intervals tell."""
    return len({point.get("lam") for point in curve}) > 1 and all(_together(curve, of) for of in ("clean", "robust"))


def _together(curve: Sequence[Point], side: str) -> bool:
    """Whether one value lies within all intervals of a side; what was not measured does not count."""
    ends = [_ends(point, side) for point in curve if point.get(side) is not None]
    return not ends or max(low for low, _ in ends) <= min(high for _, high in ends)


def _ends(point: Point, side: str) -> tuple[float, float]:
    low, high = point.get(f"{side}_interval") or (point[side], point[side])
    return low, high


def _curves(points: Iterable[Point]) -> list[tuple[float, list[Point]]]:
    """The points of each width, widest first."""
    ordered = sorted(points, key=_width, reverse=True)
    return [(width, list(curve)) for width, curve in groupby(ordered, key=_width)]


def _where(some: Sequence[Point], points: Sequence[Point]) -> str:
    """Which of the points, in words; nothing where there is only one."""
    if len(points) == 1:
        return ""
    if len(some) == len(points):
        return " everywhere"
    several = len({_width(point) for point in points}) > 1
    return " at " + "; ".join(f"lambda {p['lam']:g}" + (f", width {_width(p):g}" if several else "") for p in some)


def _width(point: Point) -> float:
    return float(point.get("width", 1.0))
