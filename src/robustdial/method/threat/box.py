"""The image may be changed along named attributes, each within bounds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from robustdial.checks import fields_fit
from robustdial.distributed import drawn
from robustdial.method.threat.attribute import Attribute, lows
from robustdial.method.threat.base import per_row, tensor_per_row
from robustdial.typing import Reach


class Decoder(Protocol):
    """What a vector of attributes does to an image."""

    def low(self, x: Tensor) -> Tensor:
        """The smallest value of each attribute of images like `x`, `[D]`: -1, or 0 where it goes one way only."""
        ...

    def __call__(self, x: Tensor, z: Tensor) -> Tensor:
        """The images changed by the attributes `[B, D]`, in [0, 1], differentiable in `z`; `x` itself for zeros."""
        ...


@runtime_checkable
class Named(Protocol):
    """A decoder that knows its attributes one by one, and with them their smallest values."""

    @property
    def name(self) -> str:
        """As it stands in reports."""
        ...

    @property
    def attributes(self) -> tuple[Attribute, ...]:
        """In the order of the vector."""
        ...

    def __call__(self, x: Tensor, z: Tensor) -> Tensor:
        """As that of every decoder."""
        ...


@dataclass(frozen=True)
class Box:
    """A vector of attributes between bounds, and a decoder that shows what they do.

    A perturbation is one number per attribute and image `[B, D]`, as a share of the attribute's largest value: from -1
    to 1, or from 0 where it goes one way only. Its size is the largest of them, so that the radius is 1.

    Args:
        decode: what the attributes do.

    >>> from robustdial.method.threat.warp import Warp
    >>> threat = Box(Warp(degrees=30, shift=0.1))
    >>> threat.project(torch.tensor([[0.4, -2.0, 0.0, 0.0, 0.0]]), torch.rand(1, 1, 8, 8), 1.0)
    tensor([[ 0.4000, -1.0000,  0.0000,  0.0000,  0.0000]])
    """

    decode: Decoder | Named

    def __post_init__(self) -> None:
        fields_fit(self)

    @property
    def name(self) -> str:
        return self.decode.name if isinstance(self.decode, Named) else type(self.decode).__name__

    @property
    def radius(self) -> float:
        return 1.0

    def noise(self, x: Tensor, reach: Reach, amount: float) -> Tensor:
        low = _low(self.decode, x)
        z = drawn(lambda x: torch.empty(len(x), len(low), device=x.device, dtype=x.dtype).uniform_(-amount, amount), x)
        return torch.where(low < 0, z, z.abs()) * per_row(reach, z)

    def ascend(self, z: Tensor, gradient: Tensor, size: Reach) -> Tensor:
        way = gradient.sign()
        for attribute in _at_rest(self.decode):  # one by one: a list of places would be copied, and waited for
            way[:, attribute] = 0
        return z + per_row(size, z) * way

    def project(self, z: Tensor, x: Tensor, reach: Reach) -> Tensor:
        limit = tensor_per_row(reach, z)
        return torch.clamp(z, _low(self.decode, x) * limit, limit)

    def apply(self, x: Tensor, z: Tensor) -> Tensor:
        return self.decode(x, z)


def _low(decode: Decoder | Named, x: Tensor) -> Tensor:
    """The smallest value of each attribute `[D]`."""
    return lows(decode.attributes, x) if isinstance(decode, Named) else decode.low(x)


def _at_rest(decode: Decoder | Named) -> list[int]:
    """Which attributes an ascent leaves where they were drawn."""
    attributes = decode.attributes if isinstance(decode, Named) else ()
    return [i for i, attribute in enumerate(attributes) if not attribute.climbs]
