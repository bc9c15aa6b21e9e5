"""Which rows of a batch are played here, and random numbers that do not depend on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Shard:
    """Every `step`-th of the `of` rows of a batch, from row `start` on.

    Rows are dealt out one by one, so that of rows sorted by lambda every shard gets its share of each.

    >>> list(range(10))[Shard(10, 1, 4).own], len(Shard(10, 1, 4))
    ([1, 5, 9], 3)
    """

    of: int
    start: int = 0
    step: int = 1

    def __len__(self) -> int:
        return len(range(self.start, self.of, self.step))

    @property
    def own(self) -> slice:
        """The rows, as an index into the whole batch."""
        return slice(self.start, None, self.step)

    def numbers(self, like: Tensor) -> Tensor:
        """The rows as an index tensor, int64 `[len(self)]`, where `like` is."""
        return torch.arange(self.start, self.of, self.step, device=like.device)

    def before(self, row: int) -> int:
        """How many of the shard's rows come before row `row` of the batch.

        >>> Shard(10, 1, 4).before(6)
        2
        """
        return len(range(self.start, row, self.step))

    def after(self, row: int) -> Shard:
        """The shard of what is left without the first `row` rows.

        >>> Shard(10, 1, 4).after(6)
        Shard(of=4, start=3, step=4)
        """
        return Shard(self.of - row, (self.start - row) % self.step, self.step)

    def dealt(self, number: int, to: int) -> Shard:
        """The shard of player `number` when these rows are dealt out to so many.

        >>> list(range(12))[Shard(12, 1, 2).dealt(2, 3).own]
        [5, 11]
        """
        return Shard(self.of, self.start + number * self.step, to * self.step)


_at_hand: ContextVar[Shard | None] = ContextVar("shard", default=None)


@contextmanager
def sharded(shard: Shard) -> Iterator[None]:
    """Inside, `drawn` draws for the whole batch and gives the rows of `shard`."""
    token = _at_hand.set(shard)
    try:
        yield
    finally:
        _at_hand.reset(token)


def drawn(draw: Callable[[Tensor], Tensor], like: Tensor) -> Tensor:
    """Random numbers for the rows of `like`: `draw(like)`, or the own rows of what is drawn for the whole batch.

    Whoever plays a shard draws for all rows from the same state of the generators and takes its own: so the numbers of
    a row are the same however the batch is dealt out, and the generators stand alike afterwards.

    Args:
        draw: of a tensor shaped like `like`, which it may not look into, numbers with as many rows.
        like: the rows at hand `[B, ...]`.

    >>> with sharded(Shard(4, 1, 2)):
    ...     drawn(lambda x: torch.arange(len(x)), torch.zeros(2, 3))
    tensor([1, 3])
    """
    shard = _at_hand.get()
    if shard is None:
        return draw(like)
    assert len(shard) == len(like), "these are not the rows at hand"
    return draw(like if shard.of == len(like) else _of_rows(like, shard.of))[shard.own]


def _of_rows(like: Tensor, rows: int) -> Tensor:
    """An empty tensor of so many rows, laid out as `like` is: the layout decides the order of drawing."""
    last = like.dim() == 4 and not like.is_contiguous() and like.is_contiguous(memory_format=torch.channels_last)
    layout = torch.channels_last if last else torch.contiguous_format
    return torch.empty(rows, *like.shape[1:], dtype=like.dtype, device=like.device, memory_format=layout)
