"""The change of an image has Euclidean length at most `eps`."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from robustdial.checks import fields_fit
from robustdial.distributed import drawn
from robustdial.method.threat.base import per_row, within_image
from robustdial.typing import Reach

_TINY = 1e-12  # a zero gradient stays zero instead of becoming NaN


@dataclass(frozen=True)
class L2:
    """The L2 ball of radius `eps` around an image, cut to [0, 1].

    Args:
        eps: largest Euclidean length of the change, over all pixels and channels in [0, 1]; 0.5 is customary on
            CIFAR-10.

    >>> import torch
    >>> L2(0.5).project(torch.tensor([[0.3, 0.4, 0.0], [0.6, 0.8, 0.0]]), torch.zeros(2, 3), 1.0)
    tensor([[0.3000, 0.4000, 0.0000],
            [0.3000, 0.4000, 0.0000]])
    """

    eps: float

    def __post_init__(self) -> None:
        fields_fit(self)

    @property
    def name(self) -> str:
        return "L2"

    @property
    def radius(self) -> float:
        return self.eps

    def noise(self, x: Tensor, reach: Reach, amount: float) -> Tensor:
        # uniform in the ball: a uniform direction, and the radius of a uniform point of a d-dimensional ball
        direction = drawn(torch.randn_like, x)
        radius = drawn(lambda x: torch.rand(len(x), device=x.device, dtype=x.dtype), x) ** (1 / math.prod(x.shape[1:]))
        z = direction * per_row(amount * radius / _lengths(direction), x)
        return within_image(z * (self.eps * per_row(reach, x)), x)

    def ascend(self, z: Tensor, gradient: Tensor, size: Reach) -> Tensor:
        return z + per_row(size, z) * gradient / per_row(_lengths(gradient), z)

    def project(self, z: Tensor, x: Tensor, reach: Reach) -> Tensor:
        # shortening moves x + z towards x, which is in [0, 1], so the result is in both sets
        z = within_image(z, x)
        shrink = torch.as_tensor(self.eps * per_row(reach, x) / per_row(_lengths(z), x))
        return z * shrink.clamp(max=1)

    def apply(self, x: Tensor, z: Tensor) -> Tensor:
        return x + z

    def distance(self, x: Tensor, adv: Tensor) -> Tensor:
        length: Tensor = torch.linalg.vector_norm((adv - x).flatten(1), dim=1)
        return length

    def of_radius(self, radius: float) -> L2:
        return replace(self, eps=radius)


def _lengths(z: Tensor) -> Tensor:
    lengths: Tensor = torch.linalg.vector_norm(z.flatten(1), dim=1)
    return lengths.clamp_min(_TINY)
