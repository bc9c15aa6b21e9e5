"""Snow."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from robustdial.data.corruption.base import normal, uniform
from robustdial.data.corruption.motion import streaked
from robustdial.data.corruption.zoom import zoomed

_LUMA = 0.299, 0.587, 0.114  # ITU-R BT.601


@dataclass(frozen=True)
class Snow:
    """Flakes that fall, over an image that is paler.

    Args:
        mean, sd: of the normal noise that becomes flakes.
        zoom: how much it is magnified.
        threshold: below it there is no flake.
        radius, fall: of the streaks of the flakes, as in `MotionBlur`.
        clear: share of the image that is not pale.
    """

    mean: float
    sd: float
    zoom: float
    threshold: float
    radius: int
    fall: float
    clear: float

    def __call__(self, x: Tensor, generator: Generator | None = None) -> Tensor:
        noise = self.mean + self.sd * normal(x, (len(x), 1, *x.shape[2:]), generator)
        flakes = zoomed(noise, self.zoom)
        flakes = torch.where(flakes < self.threshold, 0.0, flakes).clamp(0, 1)
        flakes = streaked(flakes, self.radius, self.fall, uniform(x, (len(x),), -135.0, -45.0, generator))
        pale = torch.maximum(x, 1.5 * _grey(x) + 0.5)
        whole = self.clear * x + (1 - self.clear) * pale
        return (whole + flakes + flakes.rot90(2, (2, 3))).clamp(0, 1)


def _grey(x: Tensor) -> Tensor:
    if x.shape[1] != 3:
        return x
    return (x * torch.tensor(_LUMA).to(x)[:, None, None]).sum(1, keepdim=True)
