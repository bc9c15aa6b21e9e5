"""A few training images as a network sees them while it trains, to measure statistics on."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from robustdial.data import Data, Source, augmented, balanced
from robustdial.randomness import seeded

_BATCH = 128


def calibration(data: Data, number: int = 1024, device: torch.device | str = "cpu") -> list[Tensor]:
    """Batches `[B, C, H, W]` in [0, 1] of training images, class-balanced and augmented, the same at every call.

    Args:
        data: where they come from.
        number: of images; all if there are fewer.
        device: where the data is.

    Raises ValueError where there are none.
    """
    train = training_part(data)
    chosen = balanced(train.labels, number, Generator().manual_seed(0))
    order = list(torch.split(chosen[torch.randperm(len(chosen), generator=Generator().manual_seed(0))], _BATCH))
    with seeded(0, device):
        return [augmented(data, i, x)[0] for i, (x, _) in zip(order, train.batches(order), strict=True)]


def training_part(data: Data) -> Source:
    """The training images. Raises ValueError where data that is only measured came without any."""
    if not len(data.train):
        raise ValueError(
            f"{data.name} has no training part, and what was not trained is calibrated on training images. Give the "
            "data of the run, or a set with a part of that name."
        )
    return data.train
