"""The background is what lies near the border."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from robustdial.checks import fields_fit


@dataclass(frozen=True)
class Border:
    """A frame: objects tend to stand in the middle. The same for every image.

    Args:
        share: width of the frame as a share of the shorter side, rounded to whole pixels, at least one; 0.5 is all.

    >>> Border(0.25)(torch.zeros(1, 3, 4, 4))[0, 0]
    tensor([[1., 1., 1., 1.],
            [1., 0., 0., 1.],
            [1., 0., 0., 1.],
            [1., 1., 1., 1.]])
    """

    share: float = 0.25

    def __post_init__(self) -> None:
        fields_fit(self)
        if not 0 < self.share <= 0.5:
            raise ValueError(f"share={self.share:g} is no width of a frame. Give a share of the side, up to 0.5.")

    def __call__(self, x: Tensor) -> Tensor:
        height, width = x.shape[2:]
        frame = max(1, math.floor(self.share * min(height, width) + 0.5))
        mask = torch.ones(height, width, device=x.device, dtype=x.dtype)
        mask[frame : height - frame, frame : width - frame] = 0
        return mask.expand(len(x), 1, height, width)
