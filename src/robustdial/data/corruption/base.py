"""What a corruption is, and where its random numbers come from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Generator, Tensor


class Corruption(Protocol):
    """Makes images worse, as weather, optics or compression would; it knows no network. Holds no state."""

    def __call__(self, x: Tensor, generator: Generator | None = None) -> Tensor:
        """
        Args:
            x: images `[B, C, H, W]` in [0, 1], of 1 or 3 channels.
            generator: of the random numbers, PyTorch's own by default; one on the CPU gives the same images on every
                device. Equal seeds and equal batches give equal images.

        Returns:
            new images of the same shape, type and device, in [0, 1].
        """
        ...


@dataclass(frozen=True)
class Clean:
    """Level 0: the images as they are."""

    def __call__(self, x: Tensor, generator: Generator | None = None) -> Tensor:
        return x.clone()


def normal(like: Tensor, shape: tuple[int, ...], generator: Generator | None) -> Tensor:
    """Standard normal numbers of a shape, on the device and of the type of `like`."""
    return torch.randn(shape, generator=generator, device=_drawn_on(like, generator)).to(like)


def uniform(like: Tensor, shape: tuple[int, ...], low: float, high: float, generator: Generator | None) -> Tensor:
    """Uniform numbers between two bounds, on the device and of the type of `like`."""
    return torch.rand(shape, generator=generator, device=_drawn_on(like, generator)).to(like) * (high - low) + low


def poisson(rates: Tensor, generator: Generator | None) -> Tensor:
    """Poisson numbers of these rates."""
    return torch.poisson(rates.to(_drawn_on(rates, generator)), generator=generator).to(rates)


def integers(like: Tensor, shape: tuple[int, ...], low: int, high: int, generator: Generator | None) -> Tensor:
    """Whole numbers from `low` to below `high`, int64, on the device of `like`."""
    return torch.randint(low, high, shape, generator=generator, device=_drawn_on(like, generator)).to(like.device)


def _drawn_on(like: Tensor, generator: Generator | None) -> torch.device:
    return like.device if generator is None else generator.device
