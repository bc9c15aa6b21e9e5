"""Filters over whole images; beyond the border an image is its mirror, without the border pixel twice."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F


def filtered(x: Tensor, kernel: Tensor) -> Tensor:
    """Images `[B, C, H, W]` under one kernel of odd sides `[h, w]`, of any size."""
    down, across = kernel.shape[0] // 2, kernel.shape[1] // 2
    rows, columns = (_mirrored(n, by, x.device) for n, by in zip(x.shape[2:], (down, across), strict=True))
    wide = x[:, :, rows][:, :, :, columns]
    flat = F.conv2d(wide.flatten(0, 1)[:, None], kernel.to(x)[None, None])
    return flat.reshape(x.shape)


def gaussian(x: Tensor, sd: float, reach: float) -> Tensor:
    """Images under a normal bell of standard deviation `sd` pixels that is cut off at `reach` of them."""
    half = int(reach * sd + 0.5)
    bell = torch.exp(-0.5 * (torch.arange(-half, half + 1) / sd) ** 2)
    bell = bell / bell.sum()
    return filtered(filtered(x, bell[:, None]), bell[None])


def disk(radius: float, edge: float) -> Tensor:
    """A disk of `radius` pixels, softened by a bell of deviation `edge` over 3 x 3 pixels (5 x 5 above radius 8)."""
    soft = 1 if radius <= 8 else 2
    half = math.floor(radius) + soft
    steps = torch.arange(-half, half + 1)
    hard = (steps[:, None] ** 2 + steps**2 <= radius**2).float()
    bell = torch.exp(-0.5 * (torch.arange(-soft, soft + 1) / edge) ** 2)
    bell = bell / bell.sum()
    return F.conv2d((hard / hard.sum())[None, None], torch.outer(bell, bell)[None, None], padding=soft)[0, 0]


def _mirrored(n: int, by: int, device: torch.device) -> Tensor:
    """Which of `n` pixels stand in a row that is longer by `by` on each side."""
    period = max(2 * (n - 1), 1)
    place = torch.arange(-by, n + by, device=device) % period
    return torch.minimum(place, period - place)
