"""How large the images are in the course of a training: small ones first, as in fast training on ImageNet.

Wong et al. (Fast is better than free, ICLR 2020) and Wang et al. (Revisiting adversarial training at scale, CVPR 2024)
spend most of the training on small images.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

from torch import Tensor

from robustdial.checks import fields_fit, whole
from robustdial.data.reading import SMALLEST


@dataclass(frozen=True)
class Sides:
    """Squares of one size after another.

    Args:
        sides: in pixels.
        until: the share of the training at which each but the last gives way to the next, ascending.

    >>> Sides((112, 224), (0.6,))(0.5), Sides((112, 224), (0.6,))(0.6)
    (112, 224)
    """

    sides: tuple[int, ...]
    until: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        fields_fit(self)
        for side in self.sides:
            whole("side", side, least=SMALLEST)
        if len(self.until) != len(self.sides) - 1:
            raise ValueError(f"{len(self.sides)} sizes need {len(self.sides) - 1} shares of the training between them.")
        if list(self.until) != sorted(set(self.until)) or not all(0 < share < 1 for share in self.until):
            raise ValueError(f"until={self.until}: give ascending shares of the training, such as 0.6.")

    @property
    def last(self) -> int:
        """The size that is measured and served."""
        return self.sides[-1]

    def __call__(self, progress: float) -> int:
        """The side at `progress` in [0, 1] of the training."""
        return self.sides[sum(share <= progress for share in self.until)]

    def work(self, progress: float, end: float = 1.0) -> float:
        """Pixels from `progress` to `end` of the training, as a share of those at the last size; so about the work.

        >>> grown = Sides((112, 224), (0.5,))
        >>> grown.work(0), grown.work(0.75), grown.work(0, 0.2)
        (0.625, 1.0, 0.25)
        """
        ends = [min(max(place, progress), end) for place in (0.0, *self.until, 1.0)]
        spans = [end - begin for begin, end in pairwise(ends)]
        areas = [(side / self.last) ** 2 for side in self.sides]
        return sum(a * s for a, s in zip(areas, spans, strict=True)) / sum(spans) if sum(spans) else 1.0


@dataclass(frozen=True)
class Stretch:
    """Batches of one epoch, one after the other, whose images are of one size.

    Attributes:
        side: in pixels; None for the size that they have.
        anew: whether the batch before the first of them had another.
        order: their images.
    """

    side: int | None
    anew: bool
    order: list[Tensor]


def stretches(sides: Sides | None, order: Sequence[Tensor], epoch: int, first: int, epochs: int) -> Iterator[Stretch]:
    """What is left of an epoch from batch `first` on, a function of the place in the training alone."""
    if sides is None:
        yield Stretch(None, False, list(order[first:]))
        return
    total = epochs * len(order)

    def side(place: int) -> int:
        return sides((epoch * len(order) + place) / total)

    for size, places in groupby(range(first, len(order)), side):
        numbers = list(places)
        before = max(numbers[0] - 1, -epoch * len(order))
        yield Stretch(size, side(before) != size, [order[place] for place in numbers])


def parse_sides(text: str) -> Sides:
    """Sides as they are written: each with the share of the training until which it lasts, and the last alone.

    >>> parse_sides("112:0.6,224")
    Sides(sides=(112, 224), until=(0.6,))
    """
    *before, last = text.split(",")
    try:
        if any(part.count(":") != 1 for part in before):
            raise ValueError("all but the last need a share of the training each")
        pairs = [(int(side), float(until)) for side, until in (part.split(":") for part in before)]
        return Sides((*(side for side, _ in pairs), int(last)), tuple(until for _, until in pairs))
    except ValueError as error:
        raise ValueError(
            f"--size {text} is no size of images ({error}). Write 224, or 112:0.6,224 for 112 pixels until 0.6 of the "
            "training and 224 from then on."
        ) from None
