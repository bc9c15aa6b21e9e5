"""The changes of an image add up to at most `eps`: few pixels may change much."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from robustdial.checks import fields_fit
from robustdial.distributed import drawn
from robustdial.method.threat.base import per_row, tensor_per_row, within_image
from robustdial.typing import Reach


@dataclass(frozen=True)
class L1:
    """The L1 ball of radius `eps` around an image, cut to [0, 1].

    A steepest step in L1 moves one pixel; here it moves the `share` of them where the gradient is largest, all as far,
    as one pixel soon meets the end of its range.

    Source: Croce & Hein, Mind the Box: L1-APGD for Sparse Adversarial Attacks on Image Classifiers, ICML 2021, for the
    projection on ball and [0, 1] together, and for the step.

    Args:
        eps: largest sum of the changes over all pixels and channels in [0, 1]; 12 is customary on CIFAR-10.
        share: of the pixels and channels that a step moves.

    >>> import torch
    >>> L1(1.0).project(torch.tensor([[0.9, -0.5, 0.2], [0.1, 0.2, 0.3]]), torch.full((2, 3), 0.5), 1.0)
    tensor([[ 0.5000, -0.4000,  0.1000],
            [ 0.1000,  0.2000,  0.3000]])
    """

    eps: float
    share: float = 0.05

    def __post_init__(self) -> None:
        fields_fit(self)
        if not 0 < self.share <= 1:
            raise ValueError(f"share={self.share:g}: give the share of the pixels that a step moves, above 0 to 1.")

    @property
    def name(self) -> str:
        return "L1"

    @property
    def radius(self) -> float:
        return self.eps

    def noise(self, x: Tensor, reach: Reach, amount: float) -> Tensor:
        # uniform in the ball: gaps between uniform numbers in order are exponentials over their sum
        n = math.prod(x.shape[1:]) + 1
        sizes = -torch.log1p(-drawn(lambda x: torch.rand(len(x), n, device=x.device, dtype=x.dtype), x))
        shares = (sizes / sizes.sum(1, keepdim=True))[:, :-1].view_as(x)
        signs = drawn(lambda x: torch.randint_like(x, 2), x) * 2 - 1
        return within_image(shares * signs * (amount * self.eps * per_row(reach, x)), x)

    def ascend(self, z: Tensor, gradient: Tensor, size: Reach) -> Tensor:
        return sparse_ascent(z, gradient, size, self.share)

    def project(self, z: Tensor, x: Tensor, reach: Reach) -> Tensor:
        limit = tensor_per_row(self.eps * reach, z).expand(len(z), *[1] * (z.dim() - 1))
        room = torch.where(z > 0, 1 - x, x)
        return z.sign() * _shortened(z.abs().flatten(1), room.flatten(1), limit.flatten(1)).view_as(z)

    def apply(self, x: Tensor, z: Tensor) -> Tensor:
        return x + z

    def distance(self, x: Tensor, adv: Tensor) -> Tensor:
        return (adv - x).flatten(1).abs().sum(1)

    def of_radius(self, radius: float) -> L1:
        return replace(self, eps=radius)


def sparse_ascent(z: Tensor, gradient: Tensor, size: Reach, share: Reach) -> Tensor:
    """`z` and a step of L1 length `size` over the share `share` (each one number or `[B]`) of the largest gradients."""
    steep = gradient.abs().flatten(1)
    n = steep.shape[1]
    shares = share if isinstance(share, Tensor) else torch.full((), float(share), device=z.device)
    first = ((1 - shares) * n).long().clamp(0, n - 1).expand(len(z))
    bar = steep.sort(1).values.gather(1, first[:, None])
    way = gradient.sign() * (steep >= bar).view_as(gradient)
    return z + per_row(size, z) * way / per_row(way.flatten(1).abs().sum(1).clamp_min(1), z)


def _shortened(sizes: Tensor, room: Tensor, limit: Tensor) -> Tensor:
    """min(room, max(sizes - t, 0)) `[B, n]` with the smallest t >= 0 for which its sum is at most `limit` `[B, 1]`.

    That is the closest point of ball and box together. The sum is piecewise linear in t and bends where a size meets
    its room and where it meets 0: from the largest bend down, it is followed until it exceeds the limit.
    """
    bends, order = torch.cat([sizes, sizes - room], 1).sort(1, descending=True)
    grows = torch.where(order < sizes.shape[1], 1.0, -1.0).to(sizes).cumsum(1)  # by how much, per t, below each bend
    sums = torch.cat([torch.zeros_like(limit), (grows[:, :-1] * (bends[:, :-1] - bends[:, 1:])).cumsum(1)], 1)
    last = (sums <= limit).sum(1, keepdim=True).clamp_min(1) - 1  # the lowest bend at which the limit still holds
    missing = limit - sums.gather(1, last)
    t = bends.gather(1, last) - missing / grows.gather(1, last).clamp_min(1)
    kept = torch.minimum((sizes - t.clamp_min(0)).clamp_min(0), room)
    return kept * (limit / kept.sum(1, keepdim=True).clamp_min(torch.finfo(kept.dtype).tiny)).clamp(max=1)
