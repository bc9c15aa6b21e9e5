"""Several targets of one image attacked together: a row of the batch is an image and a target."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from robustdial.attack.best import Best

ROWS = 256
"""Enough to keep a device busy with the few images that are left in the end."""


class Targets(NamedTuple):
    """Rows of a batch."""

    image: Tensor
    """Number of each row's image `[R]`."""
    target: Tensor
    """The class it is attacked towards `[R]`."""


def target_batches(best: Best, targets: Tensor, rows: int) -> Iterator[Targets]:
    """The standing images with their targets `[B, K]`, rank by rank: as many ranks at a time as fit in `rows`, or one.

    >>> best = Best(torch.zeros(3, 1), torch.tensor([0.0, torch.inf, 0.0]))
    >>> [(p.image.tolist(), p.target.tolist()) for p in target_batches(best, torch.arange(9).view(3, 3), rows=5)]
    [([0, 0, 2, 2], [0, 1, 6, 7]), ([0, 2], [2, 8])]
    """
    begin = 0
    while begin < targets.shape[1] and len(standing := best.standing):
        end = begin + max(rows // len(standing), 1)
        some = targets[standing, begin:end]
        yield Targets(standing.repeat_interleave(some.shape[1]), some.flatten())
        begin = end


def others(image: Tensor, rows: Tensor) -> Tensor:
    """Numbers of the rows `[R]` of other images than those of `rows`, bool `[R]`.

    Numbers, not a mask: whoever picks rows by a mask waits for the device each time.

    >>> others(torch.tensor([0, 0, 1, 2, 2]), torch.tensor([True, False, False, False, True]))
    tensor([2])
    """
    return (~torch.isin(image, image.where(rows, -1))).nonzero().squeeze(1)
