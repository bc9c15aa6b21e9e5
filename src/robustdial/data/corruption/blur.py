"""Blur of a lens that is out of focus."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Generator, Tensor

from robustdial.data.corruption.smooth import disk, filtered, gaussian


@dataclass(frozen=True)
class GaussianBlur:
    """A normal bell of standard deviation `sd` pixels, cut off at four of them."""

    sd: float

    def __call__(self, x: Tensor, generator: Generator | None = None) -> Tensor:
        return gaussian(x, self.sd, reach=4).clamp(0, 1)


@dataclass(frozen=True)
class DefocusBlur:
    """The disk that a lens out of focus makes of a point.

    Args:
        radius: of the disk, in pixels.
        edge: standard deviation of the bell that softens its edge.
    """

    radius: float
    edge: float

    def __call__(self, x: Tensor, generator: Generator | None = None) -> Tensor:
        return filtered(x, disk(self.radius, self.edge)).clamp(0, 1)
