"""Random crops and flips of a whole batch, on its device."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from robustdial.data.base import Shape


def none(x: Tensor) -> Tensor:
    """The images as they are."""
    return x


@dataclass(frozen=True)
class Crop:
    """Shift each image by up to `pad` pixels in each direction; zeros move in. Another shift for each image."""

    pad: int

    def __call__(self, x: Tensor) -> Tensor:
        height, width = x.shape[2:]
        down, right = torch.randint(0, 2 * self.pad + 1, (2, len(x)), device=x.device)
        # every possible crop as a view, [B, C, down, right, H, W]; one indexing takes the crop of each image
        crops = F.pad(x, [self.pad] * 4).unfold(2, height, 1).unfold(3, width, 1)
        return crops[torch.arange(len(x), device=x.device), :, down, right]


def flip(x: Tensor) -> Tensor:
    """Mirror each image left to right with probability 1/2."""
    mirrored = torch.rand(len(x), 1, 1, 1, device=x.device) < 0.5
    return torch.where(mirrored, x.flip(-1), x)


@dataclass(frozen=True)
class CropFlip:
    """`Crop(pad)`, then `flip`: the usual augmentation of CIFAR with `pad=4`."""

    pad: int

    def __call__(self, x: Tensor) -> Tensor:
        return flip(Crop(self.pad)(x))


def customary(shape: Shape) -> Callable[[Tensor], Tensor]:
    """For a set of unknown content: crop by an eighth and flip in colour, nothing in grey (where left matters more)."""
    channels, height, width = shape
    return CropFlip(min(height, width) // 8) if channels == 3 else none
