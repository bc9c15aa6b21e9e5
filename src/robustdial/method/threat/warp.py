"""An image is turned, moved, skewed and scaled."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from robustdial.checks import fields_fit
from robustdial.method.threat.attribute import Attribute


@dataclass(frozen=True)
class Warp:
    """One affine map about the centre: skew, then scale, then a rotation, then a translation; black comes in.

    Five attributes `[B, 5]`: the angle, the shifts to the right and downwards, the skew and the scale. One whose
    largest value is 0 does nothing. Pixels are linear between their neighbours, so gradients flow.

    Args:
        degrees: largest angle.
        shift: largest translation in each direction, as a share of the side.
        skew: how far a row moves sideways, as a share of its distance from the middle row.
        scale: largest change of size: 0.2 for sides 1.2 times as long, and as much shorter the other way.

    >>> x = torch.arange(16.0).reshape(1, 1, 4, 4) / 16
    >>> moved = Warp(degrees=0, shift=0.25)(x, torch.tensor([[0.0, 1.0, 0.0, 0.0, 0.0]]))
    >>> torch.allclose(moved[..., 1:], x[..., :-1]), float(moved[..., 0].sum())
    (True, 0.0)
    """

    degrees: float = 30.0
    shift: float = 3 / 32
    skew: float = 0.0
    scale: float = 0.0

    def __post_init__(self) -> None:
        fields_fit(self)
        limits = self.degrees, self.shift, self.skew, self.scale
        if min(limits) < 0 or not 0 < sum(limits) < math.inf:
            raise ValueError(
                f"degrees={self.degrees:g}, shift={self.shift:g}, skew={self.skew:g}, scale={self.scale:g}: an "
                "adversary that does not move is none. Give a positive angle, a positive share of the side, or a "
                "positive skew or scale; none may be negative."
            )

    @property
    def name(self) -> str:
        return "Warp"

    @property
    def attributes(self) -> tuple[Attribute, ...]:
        return tuple(map(Attribute, ("angle", "right", "down", "skew", "scale")))

    def __call__(self, x: Tensor, z: Tensor) -> Tensor:
        height, width = x.shape[2:]
        place = torch.stack(torch.meshgrid(_middles(width, x), _middles(height, x), indexing="xy"), dim=-1)
        moved_back = place - (2 * self.shift * z[:, 1:3])[:, None, None]  # an image is 2 wide and 2 high
        return F.grid_sample(x, moved_back @ self._turned_back(z, height / width).mT, align_corners=False)

    def _turned_back(self, z: Tensor, tall: float) -> Tensor:
        """From where a pixel is, less the translation, to where it was: `[B, 1, 2, 2]`, for images `tall` as wide."""
        angle, skew, size = z[:, 0] * math.radians(self.degrees), self.skew * z[:, 3], (1 + self.scale) ** z[:, 4]
        cos, sin, one, zero = angle.cos(), angle.sin(), torch.ones_like(angle), torch.zeros_like(angle)
        turn = torch.stack([cos, sin * tall, -sin / tall, cos], dim=1).reshape(-1, 1, 2, 2)
        straighten = torch.stack([one, -skew * tall, zero, one], dim=1).reshape(-1, 1, 2, 2)
        return straighten @ turn / size.reshape(-1, 1, 1, 1)


def _middles(n: int, like: Tensor) -> Tensor:
    """Middles of `n` pixels that lie side by side from -1 to 1."""
    return (2 * torch.arange(n, device=like.device, dtype=like.dtype) + 1) / n - 1
