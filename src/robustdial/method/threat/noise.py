"""White noise with a slope, and a pattern that can be seen again."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from robustdial.bounds import clipped
from robustdial.checks import fields_fit
from robustdial.method.threat.attribute import Attribute, moving, per_image

_WORD = 0xFFFFFFFF  # 32 bits


@dataclass(frozen=True)
class Noise:
    """Normal noise is added: x + amount z_0 n(z_1). Goes one way.

    The second attribute is the pattern, which an integer hash turns into white noise n, the same at every look and on
    every device to rounding. A random start draws a new one; it has no slope, and an ascent keeps it.

    Args:
        amount: largest standard deviation, of pixels in [0, 1].

    >>> x, z = torch.full((1, 1, 32, 32), 0.5), torch.tensor([[1.0, 0.3]])
    >>> noisy = Noise(0.1)(x, z)
    >>> round(float(noisy.std()), 2), torch.equal(noisy, Noise(0.1)(x, z))
    (0.1, True)
    """

    amount: float = 0.1

    def __post_init__(self) -> None:
        fields_fit(self)
        moving("noise", self.amount, 1)

    @property
    def name(self) -> str:
        return "Noise"

    @property
    def attributes(self) -> tuple[Attribute, ...]:
        return Attribute("noise", low=0.0), Attribute("pattern", climbs=False)

    def __call__(self, x: Tensor, z: Tensor) -> Tensor:
        noise = white(z[:, 1].detach(), math.prod(x.shape[1:])).reshape(x.shape).to(x)
        return clipped(x + self.amount * per_image(z[:, 0]) * noise)


def white(pattern: Tensor, n: int) -> Tensor:
    """For each number of `pattern` `[B]` its own `n` standard normal numbers `[B, n]`, in single precision."""
    key = _mixed(pattern.float().view(torch.int32).long())
    bits = _mixed(key[:, None] + _mixed(torch.arange(2 * n, device=pattern.device)))
    radius, angle = torch.split((bits.float() + 0.5) / 2**32, n, dim=1)  # in (0, 1]
    normal: Tensor = (-2 * radius.log()).sqrt() * (2 * math.pi * angle).cos()  # Box and Muller
    return normal


def _mixed(bits: Tensor) -> Tensor:
    """Whole numbers, scattered over 32 bits. Source: Wellons, Prospecting for Hash Functions, 2018 (lowbias32)."""
    bits = bits & _WORD
    bits = ((bits ^ bits >> 16) * 0x7FEB352D) & _WORD
    bits = ((bits ^ bits >> 15) * 0x846CA68B) & _WORD  # may run over 64 bits; the lowest 32 are right all the same
    return bits ^ bits >> 16
