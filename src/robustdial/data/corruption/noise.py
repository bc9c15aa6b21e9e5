"""Noise of sensors and transmission, drawn for every pixel and channel by itself."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Generator, Tensor

from robustdial.data.corruption.base import normal, poisson, uniform


@dataclass(frozen=True)
class GaussianNoise:
    """Normal noise of standard deviation `sd`.

    >>> import torch
    >>> x = GaussianNoise(0.1)(torch.full((1, 1, 64, 64), 0.5), torch.Generator().manual_seed(0))
    >>> 0.09 < float(x.std()) < 0.11
    True
    """

    sd: float

    def __call__(self, x: Tensor, generator: Generator | None = None) -> Tensor:
        return (x + self.sd * normal(x, x.shape, generator)).clamp(0, 1)


@dataclass(frozen=True)
class SpeckleNoise:
    """Normal noise whose standard deviation is `sd` times the pixel."""

    sd: float

    def __call__(self, x: Tensor, generator: Generator | None = None) -> Tensor:
        return (x + self.sd * x * normal(x, x.shape, generator)).clamp(0, 1)


@dataclass(frozen=True)
class ShotNoise:
    """Photons counted: a white pixel receives `photons` of them on average, Poisson distributed."""

    photons: float

    def __call__(self, x: Tensor, generator: Generator | None = None) -> Tensor:
        return (poisson(x * self.photons, generator) / self.photons).clamp(0, 1)


@dataclass(frozen=True)
class ImpulseNoise:
    """Salt and pepper: the `share` of values that become 0 or 1, each as often as the other."""

    share: float

    def __call__(self, x: Tensor, generator: Generator | None = None) -> Tensor:
        draw = uniform(x, x.shape, 0.0, 1.0, generator)
        return x.masked_fill(draw < self.share / 2, 0.0).masked_fill(draw > 1 - self.share / 2, 1.0)
