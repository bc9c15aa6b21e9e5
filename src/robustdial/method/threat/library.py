"""Blur and hue, whose maps are those of the Kornia library."""

from __future__ import annotations

import math
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from torch import Tensor

from robustdial.bounds import clipped
from robustdial.checks import fields_fit
from robustdial.method.threat.attribute import Attribute, moving, per_image


@dataclass(frozen=True)
class Blur:
    """A normal bell over neighbouring pixels; the image is mirrored at its border. Goes one way.

    Needs `pip install 'robustdial[attributes]'`.

    Args:
        sigma: largest standard deviation, in pixels; the bell is cut off at three of it.
    """

    sigma: float = 1.0

    def __post_init__(self) -> None:
        fields_fit(self)
        moving("blur", self.sigma)

    @property
    def name(self) -> str:
        return "Blur"

    @property
    def attributes(self) -> tuple[Attribute, ...]:
        return (Attribute("blur", low=0.0),)

    def __call__(self, x: Tensor, z: Tensor) -> Tensor:
        if not len(x):  # which older versions of Kornia cannot reshape
            return x
        side = 2 * min(math.ceil(3 * self.sigma), *(n - 1 for n in x.shape[2:])) + 1
        sigma = (self.sigma * z[:, :1]).clamp_min(1e-3)  # a bell of width 0 is a pixel, and not a number
        blurred: Tensor = _kornia("filters", "Blur").gaussian_blur2d(x, (side, side), sigma.expand(-1, 2))
        return clipped(blurred)


@dataclass(frozen=True)
class Hue:
    """Colours go around the circle of hues. Images of one channel have none, and stay as they are.

    Needs `pip install 'robustdial[attributes]'`.

    Args:
        amount: largest way, as a share of the circle, up to a half.
    """

    amount: float = 0.1

    def __post_init__(self) -> None:
        fields_fit(self)
        moving("hue", self.amount, 0.5)

    @property
    def name(self) -> str:
        return "Hue"

    @property
    def attributes(self) -> tuple[Attribute, ...]:
        return (Attribute("hue"),)

    def __call__(self, x: Tensor, z: Tensor) -> Tensor:
        if x.shape[1] != 3:
            return x + 0 * per_image(z[:, 0])  # a slope of zero, which an ascent can ask for
        turned: Tensor = _kornia("enhance", "Hue").adjust_hue(x, 2 * math.pi * self.amount * z[:, 0])
        return clipped(turned)


def _kornia(module: str, who: str) -> Any:
    try:
        return import_module(f"kornia.{module}")
    except ImportError:
        raise ValueError(
            f"{who} needs the kornia library. Install it with: pip install 'robustdial[attributes]'"
        ) from None
