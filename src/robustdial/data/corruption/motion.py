"""Blur of a camera that moves."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from robustdial.data.corruption.base import uniform


@dataclass(frozen=True)
class MotionBlur:
    """A streak in a direction of its own for each image, at most 45 degrees off the horizontal.

    Args:
        radius: of the streak in pixels; it is twice as long and one pixel more.
        sd: standard deviation of the half bell along it.
    """

    radius: int
    sd: float

    def __call__(self, x: Tensor, generator: Generator | None = None) -> Tensor:
        return streaked(x, self.radius, self.sd, uniform(x, (len(x),), -45.0, 45.0, generator)).clamp(0, 1)


def streaked(x: Tensor, radius: int, sd: float, degrees: Tensor) -> Tensor:
    """Images `[B, C, H, W]` smeared in directions `[B]`; beyond the border its pixels are repeated.

    ImageMagick's filter: each pixel is the mean of those that follow it, weighted by a half bell, at whole pixels.
    """
    height, width = x.shape[2:]
    images, channels = (torch.arange(n, device=x.device) for n in x.shape[:2])
    down, across = (torch.arange(n, device=x.device) for n in (height, width))
    far = torch.arange(2 * radius + 1, device=x.device)
    weights = torch.exp(-0.5 * (far / sd) ** 2)
    blurred, angle = torch.zeros_like(x), degrees.deg2rad()
    for step, weight in zip(far, weights / weights.sum(), strict=True):
        dy, dx = ((step * turn(angle) - 0.5).ceil().long()[:, None] for turn in (torch.sin, torch.cos))
        rows, columns = (down + dy).clamp(0, height - 1), (across + dx).clamp(0, width - 1)
        place = images[:, None, None, None], channels[:, None, None], rows[:, None, :, None], columns[:, None, None]
        blurred += weight.to(x) * x[place]
    return blurred
