"""An image is lit and exposed differently."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from robustdial.bounds import clipped
from robustdial.checks import fields_fit
from robustdial.method.threat.attribute import Attribute, moving, per_image


@dataclass(frozen=True)
class Brightness:
    """Every pixel is raised or lowered by the same.

    Args:
        amount: largest change, in [0, 1].

    >>> import torch
    >>> Brightness(0.2)(torch.full((1, 1, 1, 2), 0.5), torch.tensor([[-1.0]])).flatten()
    tensor([0.3000, 0.3000])
    """

    amount: float = 0.2

    def __post_init__(self) -> None:
        fields_fit(self)
        moving("brightness", self.amount, 1)

    @property
    def name(self) -> str:
        return "Brightness"

    @property
    def attributes(self) -> tuple[Attribute, ...]:
        return (Attribute("brightness"),)

    def __call__(self, x: Tensor, z: Tensor) -> Tensor:
        return clipped(x + self.amount * per_image(z[:, 0]))


@dataclass(frozen=True)
class Contrast:
    """Every pixel is further from the mean of its channel, or nearer to it.

    Args:
        amount: largest change of the distance, as a share of it; 1 takes the contrast away altogether.

    >>> import torch
    >>> Contrast(0.5)(torch.tensor([0.0, 1.0]).reshape(1, 1, 1, 2), torch.tensor([[-1.0]])).flatten()
    tensor([0.2500, 0.7500])
    """

    amount: float = 0.5

    def __post_init__(self) -> None:
        fields_fit(self)
        moving("contrast", self.amount, 1)

    @property
    def name(self) -> str:
        return "Contrast"

    @property
    def attributes(self) -> tuple[Attribute, ...]:
        return (Attribute("contrast"),)

    def __call__(self, x: Tensor, z: Tensor) -> Tensor:
        mean = x.mean((2, 3), keepdim=True)
        return clipped(x + self.amount * per_image(z[:, 0]) * (x - mean))
