"""A few training images as a network sees them while it trains, to measure statistics on."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from robustdial.data import Data, augmented, balanced
from robustdial.randomness import seeded

_BATCH = 128


def calibration(data: Data, number: int = 1024, device: torch.device | str = "cpu") -> list[Tensor]:
    """Batches `[B, C, H, W]` in [0, 1] of training images, class-balanced and augmented, the same at every call.

    Args:
        data: where they come from.
        number: of images; all if there are fewer.
        device: where the data is.
    """
    chosen = balanced(data.train.labels, number, Generator().manual_seed(0))
    order = list(torch.split(chosen[torch.randperm(len(chosen), generator=Generator().manual_seed(0))], _BATCH))
    with seeded(0, device):
        return [augmented(data, i, x)[0] for i, (x, _) in zip(order, data.train.batches(order), strict=True)]
