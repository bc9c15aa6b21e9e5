"""Pixels in [0, 1] -> zero mean, unit variance, inside the model."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, fx, nn


class Normalize(nn.Module):
    """Subtract `mean` and divide by `std`, per channel.

    It is the first layer of every model here, so that attacks live in pixels and not in normalised units.

    Args:
        mean, std: one number per channel, of pixels in [0, 1].

    Raises:
        ValueError: if the two differ in length or a `std` is not positive.
        TypeError: from `forward`, for images of whole numbers.

    >>> Normalize([0.5], [0.25])(torch.ones(1, 1, 1, 1)).item()
    2.0
    """

    mean: Tensor
    std: Tensor

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        if len(mean) != len(std) or min(std) <= 0:
            raise ValueError(f"mean={tuple(mean)}, std={tuple(std)}: give one mean and one positive std per channel.")
        self.register_buffer("mean", torch.tensor(mean).view(1, -1, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(1, -1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return (_fractions(x) - self.mean) / self.std


@fx.wrap  # a tracer follows no question; it takes this as one step
def _fractions(x: Tensor) -> Tensor:
    """`x`, unless it holds whole numbers, which would be normalised in silence, and every answer be wrong."""
    if not x.is_floating_point():
        raise TypeError(f"Images are {x.dtype}, and are to be numbers between 0 and 1: give images.float() / 255.")
    return x
