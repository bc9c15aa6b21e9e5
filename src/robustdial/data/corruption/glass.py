"""Blur of frosted glass."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from robustdial.data.corruption.base import integers
from robustdial.data.corruption.smooth import gaussian


@dataclass(frozen=True)
class GlassBlur:
    """Pixels are replaced by near ones, in turn from the lower right to the upper left, between two bells.

    The paper shuffles pixels; the authors' code, as it stands, overwrites each with its partner, and so does this.

    Args:
        sd: standard deviation of the bells in pixels.
        near: how far the partner may be up or to the left; down or to the right one less.
        rounds: over the whole image.
    """

    sd: float
    near: int
    rounds: int

    def __call__(self, x: Tensor, generator: Generator | None = None) -> Tensor:
        pixels = gaussian(x, self.sd, reach=4).flatten(2)
        sources = self._sources(x, generator)[:, None].expand_as(pixels)
        return gaussian(pixels.gather(2, sources).reshape(x.shape), self.sd, reach=4).clamp(0, 1)

    def _sources(self, x: Tensor, generator: Generator | None) -> Tensor:
        """Which pixel is seen at each place, `[B, H * W]`."""
        (height, width), near = x.shape[2:], self.near
        seen = torch.arange(height * width, device=x.device).repeat(len(x), 1)
        rows, columns = range(height - near, near, -1), range(width - near, near, -1)
        for _ in range(self.rounds):
            way = integers(x, (2, len(rows), len(columns), len(x), 1), -near, near, generator)
            partners = way[0] * width + way[1]
            for i, row in enumerate(rows):
                for j, column in enumerate(columns):
                    here = row * width + column
                    seen[:, here] = seen.gather(1, here + partners[i, j])[:, 0]
        return seen
