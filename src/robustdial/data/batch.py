"""What a batch brings: images, labels, and what is known of them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from robustdial.checks import a
from robustdial.data.checks import check_learned, check_targets
from robustdial.data.origin import Origin
from robustdial.distributed import Shard


@dataclass(frozen=True)
class Batch:
    """Images to learn from.

    Args:
        x: images `[B, C, H, W]` in [0, 1].
        y: labels, whole numbers from 0 `[B]`, or probabilities of the classes `[B, K]`.
        origin: where the images come from, for solvers that keep something of each of them.
        pseudo_labelled: which labels a teacher gave, bool `[B]`; none by default.
        shard: which rows of a whole batch these are; all of them by default.
        all_pseudo_labelled: `pseudo_labelled` of the whole batch.

    >>> batch = Batch(torch.rand(4, 3, 8, 8), torch.arange(4))
    >>> batch.rows(slice(2, None)).y
    tensor([2, 3])
    """

    x: Tensor
    y: Tensor
    origin: Origin | None = None
    pseudo_labelled: Tensor | None = None
    shard: Shard | None = None
    all_pseudo_labelled: Tensor | None = None

    def __post_init__(self) -> None:
        a("x", self.x, Tensor, "images as a tensor [B, C, H, W]; torch.as_tensor makes one of an array")
        a("y", self.y, Tensor, "labels as a tensor [B] of whole numbers; torch.as_tensor makes one of a list")
        check_learned(self.x)
        check_targets(self.y, len(self.x))
        if self.x.requires_grad:  # the images are not what learns
            object.__setattr__(self, "x", self.x.detach())

    def __len__(self) -> int:
        return len(self.x)

    @property
    def place(self) -> Shard:
        """Which rows of the whole batch these are."""
        return Shard(len(self.x)) if self.shard is None else self.shard

    @property
    def by_teacher(self) -> Tensor:
        """Which labels a teacher gave, bool `[B]`."""
        marks = self.pseudo_labelled
        return torch.zeros(len(self.y), dtype=torch.bool, device=self.y.device) if marks is None else marks

    @property
    def all_by_teacher(self) -> Tensor:
        """Which labels of the whole batch a teacher gave, bool."""
        return self.by_teacher if self.all_pseudo_labelled is None else self.all_pseudo_labelled

    def dealt(self, number: int, to: int) -> Batch:
        """The rows of player `number` when the rows at hand are dealt out to so many."""
        part, shard = self.rows(slice(number, None, to)), self.place.dealt(number, to)
        return replace(part, shard=shard, all_pseudo_labelled=self.all_by_teacher)

    def rows(self, rows: slice) -> Batch:
        """Some of the rows."""
        origin = self.origin and self.origin.part(rows)
        return Batch(self.x[rows], self.y[rows], origin, self.by_teacher[rows])

    def numbered(self, rows: Tensor) -> Batch:
        """The rows of these numbers `[R]`, without their origin."""
        return Batch(self.x[rows], self.y[rows], None, self.by_teacher[rows])
