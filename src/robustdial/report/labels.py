"""Where the names of points in a plot can stand without covering one another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product

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
    marks = [*marks, *((label.x, label.y, label.x, label.y) for label in labels)]
    chosen = [PLACES[0]] * len(labels)
    for _ in range(ROUNDS):
        for i, label in enumerate(labels):
            others = [*zip(labels[:i], chosen[:i], strict=True), *zip(labels[i + 1 :], chosen[i + 1 :], strict=True)]
            chosen[i] = min(PLACES, key=partial(_covered, label, others, marks))
    return [" ".join(place) for place in chosen]


def _covered(label: Label, others: Sequence[tuple[Label, Origin]], marks: Sequence[Box], place: Origin) -> float:
    """Square pixels of other names and of marks, over all sizes; those outside the plot count double: they are lost."""
    total = 0.0
    for size in SIZES:
        box = label.box(place, size)
        shown = _shared(box, (0, 0, *size))
        outside = (box[2] - box[0]) * LINE - shown
        names = sum(_shared(box, other.box(where, size)) for other, where in others)
        total += 2 * outside + names + sum(_shared(box, _around(mark, size)) for mark in marks)
    return total


def _around(mark: Box, size: tuple[int, int]) -> Box:
    left, bottom, right, top = mark
    return left * size[0] - PAD, bottom * size[1] - PAD, right * size[0] + PAD, top * size[1] + PAD


def _shared(a: Box, b: Box) -> float:
    return max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
