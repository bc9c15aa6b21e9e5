"""The image may be turned and moved."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from robustdial.threat.base import per_row
from robustdial.typing import Reach


@dataclass(frozen=True)
class Spatial:
    """Rotations about the centre and translations; black comes in from outside.

    A perturbation is three numbers per image `[B, 3]`: the angle and the shifts to the right and downwards, each as a
    share of its largest value, from -1 to 1. Its size is the largest of the three, so that the radius is 1. Pixels are
    linear between their neighbours, so gradients flow, but the loss is far from concave in so few numbers: a search
    over a grid (`attack.Grid`) finds more than an ascent.
    Source: Engstrom et al., Exploring the Landscape of Spatial Robustness, ICML 2019; the defaults are theirs for
    CIFAR-10, 30 degrees and 3 of 32 pixels.

    Args:
        degrees: largest angle.
        shift: largest translation in each direction, as a share of the side.

    >>> x = torch.arange(16.0).reshape(1, 1, 4, 4) / 16
    >>> moved = Spatial(degrees=0, shift=0.25).apply(x, torch.tensor([[0.0, 1.0, 0.0]]))
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

    @property
    def radius(self) -> float:
        return 1.0

    def noise(self, x: Tensor, reach: Reach, amount: float) -> Tensor:
        z = torch.empty(len(x), 3, device=x.device, dtype=x.dtype).uniform_(-amount, amount)
        return z * per_row(reach, z)

    def ascend(self, z: Tensor, gradient: Tensor, size: Reach) -> Tensor:
        return z + per_row(size, z) * gradient.sign()

    def project(self, z: Tensor, x: Tensor, reach: Reach) -> Tensor:
        limit = torch.as_tensor(per_row(reach, z), device=z.device)
        return torch.clamp(z, -limit, limit)

    def apply(self, x: Tensor, z: Tensor) -> Tensor:
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
