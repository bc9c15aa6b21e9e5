"""Light and colour."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor


@dataclass(frozen=True)
class Brightness:
    """The value of hue, saturation and value is raised by `by`."""

    by: float

    def __call__(self, x: Tensor, generator: Generator | None = None) -> Tensor:
        value = x.amax(1, keepdim=True)
        raised = (value + self.by).clamp(max=1)
        return torch.where(value > 0, x * (raised / value), raised).clamp(0, 1)  # black has no hue: it becomes grey


@dataclass(frozen=True)
class Contrast:
    """The `share` that is left of the distance to the mean of each channel.

    >>> Contrast(0.5)(torch.tensor([0.0, 1.0]).reshape(1, 1, 1, 2)).flatten()
    tensor([0.2500, 0.7500])
    """

    share: float

    def __call__(self, x: Tensor, generator: Generator | None = None) -> Tensor:
        mean = x.mean((2, 3), keepdim=True)
        return ((x - mean) * self.share + mean).clamp(0, 1)


@dataclass(frozen=True)
class Saturate:
    """The saturation of hue, saturation and value becomes `factor * saturation + offset`.

    Images of one channel have none, and are returned as they are. A grey pixel has hue 0, as in the authors' code: an
    offset turns it reddish.
    """

    factor: float
    offset: float

    def __call__(self, x: Tensor, generator: Generator | None = None) -> Tensor:
        if x.shape[1] != 3:
            return x.clone()
        value, spread = x.amax(1, keepdim=True), x.amax(1, keepdim=True) - x.amin(1, keepdim=True)
        saturation = torch.where(value > 0, spread / value, 0.0)
        red = torch.tensor([0.0, 1.0, 1.0]).to(x)[:, None, None]
        below = torch.where(spread > 0, (value - x) / spread, red)  # 0 for the strongest channel, 1 for the weakest
        wanted = (self.factor * saturation + self.offset).clamp(0, 1)
        return (value * (1 - wanted * below)).clamp(0, 1)
