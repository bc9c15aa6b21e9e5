"""Every pixel may change by at most `eps`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from robustdial.checks import fields_fit
from robustdial.distributed import drawn
from robustdial.method.threat.base import per_row, within_image
from robustdial.typing import Reach


@dataclass(frozen=True)
class Linf:
    """The L-infinity ball of radius `eps` around an image, cut to [0, 1].

    Args:
        eps: largest change of a pixel, in [0, 1]; `px(8)` for the customary 8/255.

    >>> import torch
    >>> Linf(0.5).project(torch.tensor([[0.9, -0.7]]), torch.tensor([[0.8, 0.6]]), 1.0)
    tensor([[ 0.2000, -0.5000]])
    """

    eps: float

    def __post_init__(self) -> None:
        fields_fit(self)
        if not 0 <= self.eps <= 1:
            raise ValueError(f"eps={self.eps:g} is no radius among pixels in [0, 1]. Write 8 grey levels as px(8).")

    @property
    def name(self) -> str:
        return "Linf"

    @property
    def radius(self) -> float:
        return self.eps

    def noise(self, x: Tensor, reach: Reach, amount: float) -> Tensor:
        uniform = drawn(lambda x: torch.empty_like(x).uniform_(-amount, amount), x)
        return within_image(uniform * (self.eps * per_row(reach, x)), x)

    def ascend(self, z: Tensor, gradient: Tensor, size: Reach) -> Tensor:
        return z + per_row(size, z) * gradient.sign()

    def project(self, z: Tensor, x: Tensor, reach: Reach) -> Tensor:
        limit: Any = self.eps * per_row(reach, x)  # a number or a tensor; clamp takes both
        return within_image(torch.clamp(z, -limit, limit), x)

    def apply(self, x: Tensor, z: Tensor) -> Tensor:
        return x + z

    def distance(self, x: Tensor, adv: Tensor) -> Tensor:
        return (adv - x).flatten(1).abs().amax(1)

    def of_radius(self, radius: float) -> Linf:
        return replace(self, eps=radius)
