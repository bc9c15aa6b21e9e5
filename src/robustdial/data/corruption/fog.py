"""Fog."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from robustdial.data.corruption.base import uniform


@dataclass(frozen=True)
class Fog:
    """A cloud over the image, a plasma fractal, whose sum is scaled back to the brightest value of the image.

    Args:
        density: of the cloud where it is thickest, as a brightness.
        decay: how much smoother the cloud is at half the size; its square is the ratio of heights.
    """

    density: float
    decay: float

    def __call__(self, x: Tensor, generator: Generator | None = None) -> Tensor:
        cloud = plasma(x, self.decay, generator)
        brightest = x.amax((1, 2, 3), keepdim=True)
        return ((x + self.density * cloud) * brightest / (brightest + self.density)).clamp(0, 1)


def plasma(x: Tensor, decay: float, generator: Generator | None) -> Tensor:
    """Heights from 0 to 1 by diamonds and squares, on a torus, cut to the size of the images: `[B, 1, H, W]`.

    Source: Fournier, Fussell & Carpenter, Computer Rendering of Stochastic Models, 1982.
    """
    (height, width), images = x.shape[2:], len(x)
    step, rough = 1 << (max(height, width, 2) - 1).bit_length(), 1.0
    h = torch.zeros(images, step, step, device=x.device, dtype=x.dtype)
    while step >= 2:
        _refine(h, step, rough, generator)
        step, rough = step // 2, rough / decay**2  # squared, as in the code that made the published sets
    low, high = h.amin((1, 2), keepdim=True), h.amax((1, 2), keepdim=True)
    return ((h - low) / (high - low))[:, None, :height, :width]


def _refine(h: Tensor, step: int, rough: float, generator: Generator | None) -> None:
    """Fill in what lies half-way between heights known at every `step`: means of four, moved by up to `rough`."""

    def moved(four: Tensor) -> Tensor:
        return four / 4 + uniform(four, tuple(four.shape), -rough, rough, generator)

    half, corners = step // 2, h[:, ::step, ::step]
    below, right = corners.roll(-1, 1), corners.roll(-1, 2)
    middles = moved(corners + below + right + below.roll(-1, 2))
    h[:, half::step, half::step] = middles
    h[:, ::step, half::step] = moved(middles + middles.roll(1, 1) + corners + right)
    h[:, half::step, ::step] = moved(middles + middles.roll(1, 2) + corners + below)
