"""Several things may be done to an image, one after the other."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from robustdial.checks import fits
from robustdial.method.threat.attribute import Attribute
from robustdial.method.threat.box import Named


@dataclass(frozen=True)
class Chain:
    """Decoders in turn, each with its own attributes; the vector holds them one after the other.

    Args:
        decoders: in the order in which they are applied.

    >>> from robustdial.method.threat.light import Brightness
    >>> from robustdial.method.threat.noise import Noise
    >>> both = Chain((Brightness(0.2), Noise(0.1)))
    >>> both.name, [attribute.name for attribute in both.attributes]
    ('Brightness+Noise', ['brightness', 'noise', 'pattern'])
    """

    decoders: tuple[Named, ...]

    def __post_init__(self) -> None:
        fits("decoders", self.decoders, tuple[object, ...])
        if not self.decoders:
            raise ValueError("A chain of no decoders changes nothing. Give it at least one.")
        for decoder in self.decoders:
            if not isinstance(decoder, Named):
                raise TypeError(
                    f"{decoder!r} does not name its attributes. Wrap it: Function(decoder, ('fog',), lows=(0.0,))."
                )

    @property
    def name(self) -> str:
        return "+".join(decoder.name for decoder in self.decoders)

    @property
    def attributes(self) -> tuple[Attribute, ...]:
        return tuple(attribute for decoder in self.decoders for attribute in decoder.attributes)

    def __call__(self, x: Tensor, z: Tensor) -> Tensor:
        parts = torch.split(z, [len(decoder.attributes) for decoder in self.decoders], dim=1)
        for decoder, part in zip(self.decoders, parts, strict=True):
            x = decoder(x, part)
        return x
