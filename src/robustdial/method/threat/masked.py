"""Only a part of the image may change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

import torch
from torch import Tensor

from robustdial.checks import a, fits, said
from robustdial.method.threat.base import Ball
from robustdial.typing import Reach


class Mask(Protocol):
    """Which pixels the adversary may change."""

    def __call__(self, x: Tensor) -> Tensor:
        """A mask `[B, 1, H, W]`, 1 where images may change and 0 elsewhere, of each image by itself."""
        ...


@dataclass(frozen=True)
class Masked:
    """A ball, in which no pixel outside a mask changes; with a mask of ones the ball itself, to the bit.

    Source: Rothberg, Chen, Luo Jie & Ji, arXiv 1909.04779, 2019, for adversaries in the background.

    Args:
        threat: the ball.
        mask: from the clean images to the pixels that may change.

    Raises:
        ValueError: the threat is no ball; of a verb, the mask is not `[B, 1, H, W]` of 0 and 1.

    >>> from robustdial.method.threat.linf import Linf
    >>> threat = Masked(Linf(0.5), lambda x: (x == 0).float())
    >>> threat.project(torch.full((1, 1, 1, 2), 0.7), torch.tensor([[[[0.0, 0.1]]]]), 1.0)
    tensor([[[[0.5000, 0.0000]]]])
    """

    threat: Ball
    mask: Mask

    def __post_init__(self) -> None:
        fits("mask", self.mask, Callable[..., Any])
        if not isinstance(self.threat, Ball):
            name = getattr(self.threat, "name", said(self.threat))
            raise ValueError(f"{name} does not change pixels one by one. Mask a ball: Linf(eps), L2(eps).")

    @property
    def name(self) -> str:
        return f"{self.threat.name} on {getattr(self.mask, '__name__', type(self.mask).__name__)}"

    @property
    def radius(self) -> float:
        return self.threat.radius

    def noise(self, x: Tensor, reach: Reach, amount: float) -> Tensor:
        return self.around(x).noise(x, reach, amount)

    def ascend(self, z: Tensor, gradient: Tensor, size: Reach) -> Tensor:
        return self.threat.ascend(z, gradient, size)  # a gradient through `apply` is zero off the mask

    def project(self, z: Tensor, x: Tensor, reach: Reach) -> Tensor:
        return self.around(x).project(z, x, reach)

    def apply(self, x: Tensor, z: Tensor) -> Tensor:
        return self.around(x).apply(x, z)

    def distance(self, x: Tensor, adv: Tensor) -> Tensor:
        """As in the ball; infinite where a pixel outside the mask has changed."""
        outside = ((adv - x) * (1 - self.around(x).mask)).flatten(1).abs().sum(1)
        return self.threat.distance(x, adv).masked_fill(outside > 0, torch.inf)

    def of_radius(self, radius: float) -> Masked:
        return replace(self, threat=self.threat.of_radius(radius))

    def around(self, x: Tensor) -> Fitted:
        return Fitted(self, self._mask_of(x))

    @torch.no_grad()
    def _mask_of(self, x: Tensor) -> Tensor:
        mask, wanted = self.mask(x), (len(x), 1, *x.shape[2:])
        a(f"the mask of {self.name}", mask, Tensor, f"{list(wanted)} of 0 and 1, a tensor")
        if mask.shape != wanted or not bool(((mask == 0) | (mask == 1)).all()):
            raise ValueError(
                f"The mask of {self.name} is {list(mask.shape)} with values from {_ends(mask)}. Give {list(wanted)} of "
                "0 and 1 for these images."
            )
        return mask.to(x)


@dataclass(frozen=True)
class Fitted:
    """A masked ball whose masks `[B, 1, H, W]` are known, for the images that they were made for."""

    given: Masked
    mask: Tensor

    @property
    def name(self) -> str:
        return self.given.name

    @property
    def radius(self) -> float:
        return self.given.radius

    def noise(self, x: Tensor, reach: Reach, amount: float) -> Tensor:
        return self.given.threat.noise(x, reach, amount) * self.mask

    def ascend(self, z: Tensor, gradient: Tensor, size: Reach) -> Tensor:
        return self.given.threat.ascend(z, gradient * self.mask, size)

    def project(self, z: Tensor, x: Tensor, reach: Reach) -> Tensor:
        return self.given.threat.project(z * self.mask, x, reach)

    def apply(self, x: Tensor, z: Tensor) -> Tensor:
        return self.given.threat.apply(x, z * self.mask)


def _ends(mask: Tensor) -> str:
    return f"{float(mask.min()):g} to {float(mask.max()):g}" if mask.numel() else "none"
