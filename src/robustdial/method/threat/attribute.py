"""One number that changes an image: its name and its bounds."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Attribute:
    """One number that changes an image, as a share of its largest value.

    Args:
        name: as it stands in reports.
        low: smallest value, -1, or 0 where it goes one way only.
        climbs: whether an ascent moves it; what does not climb stays where it was drawn.
    """

    name: str
    low: float = -1.0
    climbs: bool = True


def lows(attributes: tuple[Attribute, ...], x: Tensor) -> Tensor:
    """The smallest value of each attribute `[D]`, on the device and of the type of `x`."""
    values = torch.tensor([attribute.low for attribute in attributes], dtype=x.dtype)
    return values.to(x.device, non_blocking=True)


def per_image(z: Tensor) -> Tensor:
    """One number per image `[B]`, so that it broadcasts over pixels: `[B, 1, 1, 1]`."""
    return z[:, None, None, None]


def moving(name: str, amount: float, most: float = math.inf) -> None:
    """Raise ValueError unless `amount`, called `name`, is positive and at most `most`."""
    if not 0 < amount <= most or amount == math.inf:
        end = "" if most == math.inf else f", at most {most:g}"
        raise ValueError(
            f"{name}={amount:g}: an adversary that does not move is none. Give a positive finite number{end}."
        )
