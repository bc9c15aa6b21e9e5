"""An image is turned and moved."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True)
class Warp:
    """Rotation about the centre, then a translation; black comes in from outside.

    Three attributes `[B, 3]`: the angle and the shifts to the right and downwards. Pixels are linear between their
    neighbours, so gradients flow.

    Args:
        degrees: largest angle.
        shift: largest translation in each direction, as a share of the side.

    >>> x = torch.arange(16.0).reshape(1, 1, 4, 4) / 16
    >>> moved = Warp(degrees=0, shift=0.25)(x, torch.tensor([[0.0, 1.0, 0.0]]))
    >>> torch.allclose(moved[..., 1:], x[..., :-1]), float(moved[..., 0].sum())
    (True, 0.0)
    """

    degrees: float = 30.0
    shift: float = 3 / 32

    def __post_init__(self) -> None:
        if self.degrees < 0 or self.shift < 0 or self.degrees + self.shift == 0:
            raise ValueError(
                f"degrees={self.degrees:g}, shift={self.shift:g}: an adversary that does not move is none. Give a "
                "positive angle, or a positive share of the side, or both."
            )

    def low(self, x: Tensor) -> Tensor:
        return -torch.ones(3, device=x.device, dtype=x.dtype)

    def __call__(self, x: Tensor, z: Tensor) -> Tensor:
        height, width = x.shape[2:]
        angle = z[:, 0] * math.radians(self.degrees)
        right, down = (2 * self.shift * z[:, 1:]).unbind(1)  # an image is 2 wide and 2 high
        cos, sin, tall = angle.cos(), angle.sin(), height / width
        turn = torch.stack([cos, sin * tall, -sin / tall, cos], dim=1).reshape(-1, 1, 2, 2)
        place = torch.stack(torch.meshgrid(_middles(width, x), _middles(height, x), indexing="xy"), dim=-1)
        moved_back = place - torch.stack([right, down], dim=1)[:, None, None]
        return F.grid_sample(x, moved_back @ turn.mT, align_corners=False)


def _middles(n: int, like: Tensor) -> Tensor:
    """Middles of `n` pixels that lie side by side from -1 to 1."""
    return (2 * torch.arange(n, device=like.device, dtype=like.dtype) + 1) / n - 1
