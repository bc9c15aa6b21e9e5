"""A set that is decoded when asked for; a small one settles on the device."""

from __future__ import annotations

import math
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from robustdial.data.base import Shape
from robustdial.data.picture import Images, pixels
from robustdial.data.resident import Resident

RESIDENT_BYTES = 2 * 2**30  # a set below this size becomes one tensor
WORKERS = min(4, os.cpu_count() or 1)


@dataclass(frozen=True, eq=False)
class Stream:
    """Pictures that threads decode a few batches ahead of their use.

    Threads, not a `DataLoader` of processes: decoding and resizing release Python's lock, nothing has to be pickled or
    forked beside a running GPU, no random number is drawn, and an error arrives as it was raised.

    Attributes:
        images: all the pictures.
        rows: int64 `[N]`: picture `rows[i]` is number i of this source.
        labels: int64 `[N]`, on the CPU.
        shape: (C, H, W) that each picture is brought to.
        device: where batches are handed out.
    """

    images: Images
    rows: Tensor
    labels: Tensor
    shape: Shape
    device: torch.device | str = "cpu"

    def __len__(self) -> int:
        return len(self.rows)

    def batches(self, order: Sequence[Tensor]) -> Iterator[tuple[Tensor, Tensor]]:
        indices = [index.cpu() for index in order]
        for index, x in zip(indices, _ahead(self._decoded, indices), strict=True):
            yield x.to(self.device), self.labels[index].to(self.device)

    def subset(self, indices: Tensor) -> Stream:
        return replace(self, rows=self.rows[indices], labels=self.labels[indices])

    def to(self, device: torch.device | str) -> Stream:
        return replace(self, device=device)

    def relabelled(self, labels: Tensor) -> Stream:
        """The same pictures with other labels, int64 `[N]`."""
        return replace(self, labels=labels)

    def settle(self) -> Resident | Stream:
        """All of it as one tensor if that is smaller than 2 GiB; itself if not."""
        if len(self) * math.prod(self.shape) >= RESIDENT_BYTES:
            return self
        x = torch.empty(len(self), *self.shape, dtype=torch.uint8)
        order = torch.split(torch.arange(len(self)), 256)
        for index, (part, _) in zip(order, self.to("cpu").batches(order), strict=True):
            x[index] = part
        return Resident(x, self.labels).to(self.device)

    def _decoded(self, index: Tensor) -> Tensor:
        x = torch.empty(len(index), *self.shape, dtype=torch.uint8)
        for place, row in enumerate(self.rows[index].tolist()):
            x[place] = pixels(self.images[row], self.shape)
        return x


def _ahead(make: Callable[[Tensor], Tensor], order: Sequence[Tensor]) -> Iterator[Tensor]:
    """`map(make, order)`, with `WORKERS` results in the making while one is in use."""
    with ThreadPoolExecutor(WORKERS) as pool:
        waiting: deque[Future[Tensor]] = deque()
        for index in order:
            waiting.append(pool.submit(make, index))
            if len(waiting) > WORKERS:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
