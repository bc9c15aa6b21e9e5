"""A set that is decoded when asked for; a small one settles on the device."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import torch
from torch import Tensor

from robustdial.data.ahead import in_processes, in_threads, processes_here
from robustdial.data.base import Shape, Source, numbers
from robustdial.data.picture import Images, pixels
from robustdial.data.resident import Resident

RESIDENT_BYTES = 2 * 2**30  # a set below this size becomes one tensor
CHUNK = 16  # images decoded at a time: so few that a batch is shared among all who decode


@dataclass(frozen=True, eq=False)
class Stream:
    """Pictures that are decoded about two batches ahead of their use.

    Attributes:
        images: all the pictures.
        rows: int64 `[N]`: picture `rows[i]` is number i of this source.
        labels: int64 `[N]`, on the CPU.
        shape: (C, H, W) that each picture is brought to.
        device: where batches are handed out.
        workers: processes that decode; 0 for threads of this one.
    """

    images: Images
    rows: Tensor
    labels: Tensor
    shape: Shape
    device: torch.device | str = "cpu"
    workers: int = 0

    def __len__(self) -> int:
        return len(self.rows)

    def batches(self, order: Sequence[Tensor]) -> Iterator[tuple[Tensor, Tensor]]:
        indices = [index.cpu() for index in order]
        chunks = [torch.split(index, CHUNK) for index in indices]
        decoded = self._ahead([*chain(*chunks)], 2 * max(map(len, chunks), default=1))
        pinned = torch.device(self.device).type == "cuda"  # a copy from there need not be waited for
        for index in indices:
            x = torch.empty(len(index), *self.shape, dtype=torch.uint8, pin_memory=pinned)
            for chunk in torch.split(x, CHUNK):
                chunk.copy_(next(decoded))
            y = self.labels[index].pin_memory() if pinned else self.labels[index]
            yield x.to(self.device, non_blocking=True), y.to(self.device, non_blocking=True)

    def subset(self, indices: Tensor) -> Stream:
        return replace(self, rows=self.rows[index := numbers(indices)], labels=self.labels[index])

    def to(self, device: torch.device | str) -> Stream:
        return replace(self, device=device)

    def relabelled(self, labels: Tensor) -> Stream:
        """The same pictures with other labels, int64 `[N]`."""
        return replace(self, labels=labels)

    def settle(self, workers: int | None = None) -> Resident | Stream:
        """What to train from: all of it as one tensor, or a stream that `workers` processes decode.

        Args:
            workers: 0 for one tensor; None for one if it is smaller than 2 GiB, else a process for each processor.
        """
        if workers == 0 or (workers is None and self.bytes < RESIDENT_BYTES):
            return self._resident()
        return replace(self, workers=workers or processes_here())

    @property
    def bytes(self) -> int:
        """Of all pictures when they are decoded."""
        return len(self) * math.prod(self.shape)

    def _resident(self) -> Resident:
        x = torch.empty(len(self), *self.shape, dtype=torch.uint8)
        order = torch.split(torch.arange(len(self)), 256)
        for index, (part, _) in zip(order, replace(self, device="cpu", workers=0).batches(order), strict=True):
            x[index] = part
        return Resident(x, self.labels).to(self.device)

    def _ahead(self, chunks: Sequence[Tensor], ahead: int) -> Iterator[Tensor]:
        if not self.workers:
            return in_threads(self._decoded, chunks)
        return in_processes(self._decoded, chunks, self.workers, ahead)

    def _decoded(self, index: Tensor) -> Tensor:
        x = torch.empty(len(index), *self.shape, dtype=torch.uint8)
        for place, row in enumerate(self.rows[index].tolist()):
            x[place] = pixels(self.images[row], self.shape)
        return x


def told(parts: Mapping[str, Source]) -> tuple[str, ...]:
    """A note of the parts that are not kept in memory."""
    streams = {name: part for name, part in parts.items() if isinstance(part, Stream) and len(part)}
    sizes = [f"{name} {len(part):,} ({part.bytes / 2**30:.2g} GiB)" for name, part in streams.items()]
    if not sizes:
        return ()
    return (f"Images are decoded anew whenever they are needed, not kept in memory (--workers): {', '.join(sizes)}.",)
