"""Where the names of points in a plot can stand without covering one another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from math import dist

import numpy as np
from numpy.typing import NDArray

Box = tuple[float, float, float, float]
"""Left, bottom, right, top."""
Origin = tuple[str, str]

SIZES = ((900, 360), (290, 340))  # of a plot on a desk and on a telephone, in pixels: one choice must do for both
LETTER, LINE, AWAY, PAD = 7, 15, 7, 4  # width of a letter, height of a line, distance from the point, room around marks
ACROSS, UP = {"right": 0.0, "center": -0.5, "left": -1.0}, {"top": 0.0, "middle": -0.5, "bottom": -1.0}
PLACES: list[Origin] = [
    *product(("bottom", "top"), ("right", "left")),
    ("middle", "right"),
    ("middle", "left"),
    ("top", "center"),
    ("bottom", "center"),
]
ROUNDS = 3


@dataclass(frozen=True)
class Label:
    """A name at the point (x, y), in shares of the plot's width and height."""

    name: str
    x: float
    y: float

    def box(self, place: Origin, size: tuple[int, int]) -> Box:
        """What the name covers, in pixels."""
        up, across = place
        width = LETTER * len(self.name)
        left = self.x * size[0] + ACROSS[across] * width + AWAY * (1 + 2 * ACROSS[across])
        bottom = self.y * size[1] + UP[up] * LINE + AWAY * (1 + 2 * UP[up])
        return left, bottom, left + width, bottom + LINE


def places(labels: Sequence[Label], marks: Sequence[Box]) -> list[str]:
    """A plotly text position for each label: the one that covers least, found by moving one label at a time.

    Args:
        labels: the names and their points.
        marks: what is drawn there besides and should stay visible, in shares of the plot.

    >>> places([Label("a", 0.5, 0.5), Label("b", 0.52, 0.47)], [])
    ['bottom left', 'bottom right']
    """
    sheets = [_Sheet(size) for size in SIZES]
    for mark in (*marks, *((label.x, label.y, label.x, label.y) for label in labels)):
        for sheet in sheets:
            sheet.cover(_around(mark, sheet.size))
    chosen = [PLACES[0]] * len(labels)
    for label in labels:
        _cover(sheets, label, PLACES[0])
    for _ in range(ROUNDS):
        for i, label in enumerate(labels):
            _cover(sheets, label, chosen[i], -1)
            chosen[i] = min(PLACES, key=partial(_covered, label, sheets))
            _cover(sheets, label, chosen[i])
    return [" ".join(place) for place in chosen]


def short(name: str, most: int = 18) -> str:
    """A name that a picture has room for; what points at it tells the whole one.

    >>> short("m-oat:lambdas=0,0.1,0.2,0.5,1"), short("free:replays=4")
    ('m-oat:lambdas=0,0…', 'free:replays=4')
    """
    return name if len(name) <= most else f"{name[: most - 1]}…"


def freest(spots: Sequence[tuple[float, float]], others: Sequence[tuple[float, float]]) -> int:
    """Which of the points of a curve is farthest from all other points: there its name has room.

    >>> freest([(0.1, 0.1), (0.5, 0.5), (0.9, 0.9)], [(0.2, 0.1), (0.6, 0.5)])
    2
    """
    room = [min((dist(spot, other) for other in others), default=0.0) for spot in spots]
    return room.index(max(room))


def legible(labels: Sequence[Label], placed: Sequence[str]) -> list[bool]:
    """For each label whether it can be read on a desk and on a telephone: it covers none that comes before it.

    >>> legible([Label("a name", 0.5, 0.5), Label("a name", 0.5, 0.5), Label("b", 0.9, 0.9)], ["top left"] * 3)
    [True, False, True]
    """
    kept: list[tuple[Label, Origin]] = []
    shown = []
    for label, place in zip(labels, placed, strict=True):
        up, across = place.split()
        fits = all(_apart(label.box((up, across), size), one.box(at, size)) for one, at in kept for size in SIZES)
        shown.append(fits)
        if fits:
            kept.append((label, (up, across)))
    return shown


def _apart(a: Box, b: Box) -> bool:
    return a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]


class _Sheet:
    """How many things cover each pixel of a plot: looking at a box takes as long, however many there are elsewhere."""

    def __init__(self, size: tuple[int, int]) -> None:
        self.size = size
        self._count = np.zeros(size[::-1], np.int32)

    def cover(self, box: Box, times: int = 1) -> None:
        """Cover a box once more, or once less."""
        self._part(box)[...] += times

    def covered(self, box: Box) -> float:
        """Square pixels of the box that are covered; those outside the plot count double: they are lost."""
        part = self._part(box)
        return float(part.sum()) + 2 * max(0.0, (box[2] - box[0]) * (box[3] - box[1]) - part.size)

    def _part(self, box: Box) -> NDArray[np.int32]:
        left, bottom, right, top = (max(0, round(end)) for end in box)
        return self._count[bottom:top, left:right]


def _cover(sheets: Sequence[_Sheet], label: Label, place: Origin, times: int = 1) -> None:
    for sheet in sheets:
        sheet.cover(label.box(place, sheet.size), times)


def _covered(label: Label, sheets: Sequence[_Sheet], place: Origin) -> float:
    return sum(sheet.covered(label.box(place, sheet.size)) for sheet in sheets)


def _around(mark: Box, size: tuple[int, int]) -> Box:
    left, bottom, right, top = mark
    return left * size[0] - PAD, bottom * size[1] - PAD, right * size[0] + PAD, top * size[1] + PAD
