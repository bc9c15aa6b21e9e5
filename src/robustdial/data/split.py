"""Which images: as many of each class, or as the classes are shared."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Generator, Tensor


def balanced(labels: Tensor, number: int, generator: Generator) -> Tensor:
    """Indices of `number` images, drawn without replacement, as equal per class as possible; all if there are fewer.

    >>> few = balanced(torch.tensor([0, 0, 0, 0, 1, 2, 2]), 5, Generator().manual_seed(0))
    >>> torch.tensor([0, 0, 0, 0, 1, 2, 2])[few].tolist()
    [0, 0, 1, 2, 2]
    """
    return _draw(labels, _equal_shares(labels.bincount().tolist(), number), generator)


def stratified(labels: Tensor, number: int, generator: Generator) -> tuple[Tensor, Tensor]:
    """Indices of the rest, and of `number` images that hold each class in proportion. No class is emptied.

    >>> rest, held = stratified(torch.tensor([0, 0, 0, 0, 1, 1]), 3, Generator().manual_seed(0))
    >>> len(rest), torch.tensor([0, 0, 0, 0, 1, 1])[held].tolist()
    (3, [0, 0, 1])
    """
    held = _draw(labels, _proportional_shares(labels.bincount().tolist(), number), generator)
    rest = torch.ones(len(labels), dtype=torch.bool)
    rest[held] = False
    return rest.nonzero().flatten(), held


def _draw(labels: Tensor, shares: Sequence[int], generator: Generator) -> Tensor:
    """Indices, in ascending order, of `shares[k]` random images of each class k."""
    shuffled = torch.randperm(len(labels), generator=generator)
    grouped = shuffled[labels[shuffled].argsort(stable=True)]
    counts = labels.bincount(minlength=len(shares))
    rank = torch.arange(len(labels)) - (counts.cumsum(0) - counts).repeat_interleave(counts)
    return grouped[rank < torch.tensor(shares).repeat_interleave(counts)].sort().values


def _equal_shares(available: Sequence[int], total: int) -> list[int]:
    shares, left = [0] * len(available), total
    # smallest class first: what it cannot give, the larger ones share
    for done, k in enumerate(sorted(range(len(available)), key=lambda k: available[k])):
        shares[k] = min(available[k], left // (len(available) - done))
        left -= shares[k]
    return shares


def _proportional_shares(available: Sequence[int], total: int) -> list[int]:
    """Largest remainders, but at least one of each class stays."""
    number = sum(available)
    shares = [max(0, min(count * total // number, count - 1)) for count in available]
    by_remainder = sorted(range(len(available)), key=lambda k: -(available[k] * total % number))
    for k in by_remainder:
        if sum(shares) < total and shares[k] < available[k] - 1:
            shares[k] += 1
    return shares
