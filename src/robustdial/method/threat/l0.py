"""Few pixels of an image may change, and these as much as they can."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from robustdial.checks import fields_fit
from robustdial.distributed import drawn
from robustdial.method.threat.base import per_row, within_image
from robustdial.typing import Reach

_FUZZ = 1e-6  # a share of a number of pixels is that number in spite of rounding


@dataclass(frozen=True)
class L0:
    """The images that differ from an image in at most `pixels` places, in all channels there, within [0, 1].

    Sizes are numbers of pixels: a part of one is none. A steepest step moves the pixels whose gradients add up to most
    over the channels, over their whole range.

    Args:
        pixels: most places that change, such as 24 of the 1,024 of CIFAR-10.

    >>> import torch
    >>> z = torch.tensor([[[[0.3, 0.0], [0.1, -0.9]]]])
    >>> L0(2).project(z, torch.full((1, 1, 2, 2), 0.5), 1.0)
    tensor([[[[ 0.3000,  0.0000],
              [ 0.0000, -0.5000]]]])
    """

    pixels: int

    def __post_init__(self) -> None:
        fields_fit(self)
        if self.pixels < 0:
            raise ValueError(f"pixels={self.pixels} cannot change. Give the most that may, for example 24.")

    @property
    def name(self) -> str:
        return "L0"

    @property
    def radius(self) -> float:
        return float(self.pixels)

    def noise(self, x: Tensor, reach: Reach, amount: float) -> Tensor:
        places = drawn(lambda x: torch.rand(len(x), x[0, 0].numel() if len(x) else 1, device=x.device), x)
        values = drawn(torch.rand_like, x)
        return (values - x) * foremost(places.view(len(x), 1, *x.shape[2:]), amount * self.pixels * reach)

    def ascend(self, z: Tensor, gradient: Tensor, size: Reach) -> Tensor:
        return z + gradient.sign() * foremost(gradient.abs().sum(1, keepdim=True), size)

    def project(self, z: Tensor, x: Tensor, reach: Reach) -> Tensor:
        z = within_image(z, x)
        return z * foremost(z.square().sum(1, keepdim=True), self.pixels * reach)

    def apply(self, x: Tensor, z: Tensor) -> Tensor:
        return x + z

    def distance(self, x: Tensor, adv: Tensor) -> Tensor:
        return (adv != x).any(1).flatten(1).sum(1).to(x.dtype)

    def of_radius(self, radius: float) -> L0:
        return replace(self, pixels=int(radius + _FUZZ))


def foremost(heights: Tensor, number: Reach) -> Tensor:
    """Where the `number` (one or `[B]`, rounded down) largest of heights `[B, 1, H, W]` are, bool `[B, 1, H, W]`.

    >>> import torch
    >>> foremost(torch.tensor([[[[3.0, 1.0, 2.0]]]]), 2)
    tensor([[[[ True, False,  True]]]])
    """
    ranks = heights.flatten(1).argsort(1, descending=True).argsort(1).view_as(heights)
    return ranks + 1 <= per_row(number + _FUZZ, heights)
