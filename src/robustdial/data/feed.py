"""What a method learns from, batch by batch: labelled images, and a share of unlabelled ones or of extra ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from robustdial.data.base import Data, Source, unit
from robustdial.data.batch import Batch
from robustdial.data.mixing import Mixing
from robustdial.data.origin import augmented
from robustdial.data.unlabelled import UNKNOWN
from robustdial.distributed import ALONE, Shard, World, sharded


@dataclass(frozen=True)
class Feed:
    """The training images of `data`, its unlabelled ones, if `share` is not 0, and its extra ones, if there are any.

    Args:
        data: whose unlabelled images have got pseudo-labels.
        share: of each batch that is unlabelled, in [0, 1).
        world: the processes that play each batch, of which this one takes its rows.
        mixing: how images and labels of a batch are mixed; None for not at all.

    Raises ValueError if `data` has not what `share` asks for.
    """

    data: Data
    share: float = 0.0
    world: World = ALONE
    mixing: Mixing | None = None

    def __post_init__(self) -> None:
        more = self.data.unlabelled
        if not self.share:
            return
        if more is None:
            raise ValueError(
                "This method learns from unlabelled images too, and there are none. Give load labelled= or unlabelled=."
            )
        if (more.labels == UNKNOWN).any():
            raise ValueError("The unlabelled images have no pseudo-labels yet. Call pseudo_labelled(data, teacher).")

    @property
    def images(self) -> int:
        """Number of images of an epoch; extra ones do not make it longer."""
        return len(self.data.train) + (len(self.data.unlabelled) if self.share and self.data.unlabelled else 0)

    @property
    def sources(self) -> list[Source]:
        """What the images are taken from, numbered one after the other."""
        unlabelled = [self.data.unlabelled] if self.share and self.data.unlabelled else []
        extra = [self.data.extra.source] if self.data.extra else []
        return [self.data.train, *unlabelled, *extra]

    def order(self, batch: int, seed: int, epoch: int) -> list[Tensor]:
        """The batches of an epoch, as index tensors: a function of seed and epoch alone."""
        sources = self.sources
        if len(sources) == 1:
            return epoch_order(self.images, batch, seed, epoch)
        rows = self._rows(min(batch, self.images))
        kinds = [(len(source), some) for source, some in zip(sources, rows, strict=True)]
        return mixed_order(kinds, self.images // sum(rows), seed, epoch)

    def batches(self, order: list[Tensor]) -> Iterator[Batch]:
        """For each index tensor the own rows of its images, augmented and mixed, and what is known of them, on
        the device of the data."""
        shards = [Shard(len(index), self.world.rank, self.world.size) for index in order]
        own = [index[shard.own] for index, shard in zip(order, shards, strict=True)]
        numbered = sum(map(len, self.sources))
        for index, mine, shard, (x, y) in zip(order, own, shards, self._images(own), strict=True):
            with sharded(shard):
                images, origin = augmented(self.data, mine, x, numbered)
            marks = self._by_teacher(index).to(y.device, non_blocking=True)
            batch = Batch(images, y, origin, marks[shard.own], shard, marks)
            yield batch if self.mixing is None else self.mixing(batch, len(self.data.classes), self.world)

    def _rows(self, rows: int) -> list[int]:
        """How many of so many rows of a batch are of each source."""
        unlabelled = [_part(self.share, rows)] if self.share else []
        labelled = rows - sum(unlabelled)
        extra = [_part(self.data.extra.share, labelled)] if self.data.extra else []
        return [labelled - sum(extra), *unlabelled, *extra]

    def _by_teacher(self, index: Tensor) -> Tensor:
        """Which images have a pseudo-label, bool `[B]`."""
        return (index >= len(self.data.train)) & (index < self.images)

    def _images(self, order: list[Tensor]) -> Iterator[tuple[Tensor, Tensor]]:
        sources = self.sources
        if len(sources) == 1:
            yield from sources[0].batches(order)
            return
        ends = torch.tensor([len(source) for source in sources]).cumsum(0)
        kinds = [torch.bucketize(index.contiguous(), ends, right=True) for index in order]
        firsts = [0, *ends.tolist()]
        given = [
            source.batches([index[kind == k] - firsts[k] for index, kind in zip(order, kinds, strict=True)])
            for k, source in enumerate(sources)
        ]
        for kind, *found in zip(kinds, *given, strict=True):
            images, labels = zip(*found, strict=True)
            if len({x.dtype for x in images}) > 1:
                images = tuple(map(unit, images))
            places = kind.argsort(stable=True).argsort().to(images[0].device)
            yield torch.cat(images)[places], torch.cat(labels)[places]


def epoch_order(images: int, batch: int, seed: int, epoch: int) -> list[Tensor]:
    """The batches of an epoch as index tensors: a permutation that depends on seed and epoch alone.

    The images left over when `batch` does not divide their number sit this epoch out (others will the next), so that
    every batch has the same shape. A set smaller than one batch is one batch.
    """
    shuffled = torch.randperm(images, generator=_generator(seed, epoch))
    whole = images // batch * batch or images
    return list(torch.split(shuffled[:whole], batch))


def mixed_order(kinds: Sequence[tuple[int, int]], batches: int, seed: int, epoch: int) -> list[Tensor]:
    """So many batches, of images of several kinds, numbered one kind after the other; the rows of a batch are shuffled.

    Each kind goes through fresh permutations, one after another: a small one recurs within an epoch, and of a large one
    some images sit it out.

    Args:
        kinds: of each, how many images there are and how many are in a batch.

    >>> [int((index < 40).sum()) for index in mixed_order([(40, 25), (160, 25)], 4, seed=0, epoch=0)]
    [25, 25, 25, 25]
    """
    generator, found, first = _generator(seed, epoch), [], 0
    for images, rows in kinds:
        found.append(_recurring(images, batches * rows, generator).view(batches, -1) + first)
        first += images
    mixed = torch.cat(found, dim=1)
    return list(mixed.gather(1, torch.rand(mixed.shape, generator=generator).argsort(1)))


def _part(share: float, rows: int) -> int:
    """How many rows a share of them is: one at least, and not all."""
    return min(max(1, round(share * rows)), rows - 1)


def _recurring(images: int, number: int, generator: Generator) -> Tensor:
    """`number` images, each round of all of them in an order of its own."""
    rounds = [torch.randperm(images, generator=generator) for _ in range(-(-number // images))]
    return torch.cat([*rounds, torch.empty(0, dtype=torch.int64)])[:number]


def _generator(seed: int, epoch: int) -> Generator:
    return Generator().manual_seed((seed << 20) + epoch)
