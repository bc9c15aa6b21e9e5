"""Too few pixels."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor


@dataclass(frozen=True)
class Pixelate:
    """Made smaller, to the `share` of each side, and as large as before, with Pillow's box filter."""

    share: float

    def __call__(self, x: Tensor, generator: Generator | None = None) -> Tensor:
        for side in (2, 3):
            n = x.shape[side]
            few = max(int(self.share * n), 1)
            there_and_back = _box(n, few) @ _box(few, n)
            x = torch.tensordot(x, there_and_back.to(x), ([side], [1])).movedim(-1, side)
        return x.clamp(0, 1)


def _box(n: int, k: int) -> Tensor:
    """The matrix that makes `n` pixels of `k`: each is the mean of those whose centre lies in it, or of the nearest.

    >>> _box(2, 4)
    tensor([[0.5000, 0.5000, 0.0000, 0.0000],
            [0.0000, 0.0000, 0.5000, 0.5000]])
    """
    scale = k / n
    centres = (torch.arange(n)[:, None] + 0.5) * scale
    away = (torch.arange(k) + 0.5 - centres) / max(scale, 1.0)
    inside = ((away > -0.5) & (away <= 0.5)).float()
    return inside / inside.sum(1, keepdim=True)
