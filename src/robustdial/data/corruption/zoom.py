"""Blur of a camera that moves towards what it sees."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor
from torch.nn import functional as F


@dataclass(frozen=True)
class ZoomBlur:
    """The mean of the image and of magnified ones: 1, 1 + step, 1 + 2 step, ...

    Args:
        zooms: how many magnified ones.
        step: from one to the next.
    """

    zooms: int
    step: float

    def __call__(self, x: Tensor, generator: Generator | None = None) -> Tensor:
        total = x.clone()
        for k in range(self.zooms):
            total += zoomed(x, 1 + k * self.step)
        return (total / (self.zooms + 1)).clamp(0, 1)


def zoomed(x: Tensor, by: float) -> Tensor:
    """Images `[B, C, H, W]` magnified about their centre, linear between pixels."""
    shrink = torch.eye(2, 3).to(x) / by
    grid = F.affine_grid(shrink.expand(len(x), 2, 3), list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, padding_mode="border", align_corners=False)
