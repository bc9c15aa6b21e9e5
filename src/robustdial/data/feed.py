"""What a method learns from, batch by batch: labelled images alone, or with a share of unlabelled ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from robustdial.data.base import Data, unit
from robustdial.data.batch import Batch
from robustdial.data.mixing import Mixing
from robustdial.data.origin import augmented
from robustdial.data.unlabelled import UNKNOWN
from robustdial.distributed import ALONE, Shard, World, sharded


@dataclass(frozen=True)
class Feed:
    """The training images of `data` and, if `share` is not 0, its unlabelled ones, numbered one after the other.

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
        """Number of images."""
        return len(self.data.train) + (len(self.data.unlabelled) if self.share and self.data.unlabelled else 0)

    def order(self, batch: int, seed: int, epoch: int) -> list[Tensor]:
        """The batches of an epoch, as index tensors: a function of seed and epoch alone."""
        if not self.share:
            return epoch_order(self.images, batch, seed, epoch)
        labelled = len(self.data.train)
        return mixed_order(labelled, self.images - labelled, batch, self.share, seed, epoch)

    def batches(self, order: list[Tensor]) -> Iterator[Batch]:
        """For each index tensor the own rows of its images, augmented and mixed, and what is known of them, on
        the device of the data."""
        shards = [Shard(len(index), self.world.rank, self.world.size) for index in order]
        own = [index[shard.own] for index, shard in zip(order, shards, strict=True)]
        for index, mine, shard, (x, y) in zip(order, own, shards, self._images(own), strict=True):
            with sharded(shard):
                images, origin = augmented(self.data, mine, x, self.images)
            marks = self._by_teacher(index).to(y.device, non_blocking=True)
            batch = Batch(images, y, origin, marks[shard.own], shard, marks)
            yield batch if self.mixing is None else self.mixing(batch, len(self.data.classes), self.world)

    def _by_teacher(self, index: Tensor) -> Tensor:
        """Which images have a pseudo-label, bool `[B]`."""
        return index >= len(self.data.train)

    def _images(self, order: list[Tensor]) -> Iterator[tuple[Tensor, Tensor]]:
        if not self.share or self.data.unlabelled is None:
            yield from self.data.train.batches(order)
            return
        first = len(self.data.train)
        given = self.data.train.batches([index[index < first] for index in order])
        others = self.data.unlabelled.batches([index[index >= first] - first for index in order])
        for index, (x, y), (more_x, more_y) in zip(order, given, others, strict=True):
            if x.dtype != more_x.dtype:
                x, more_x = unit(x), unit(more_x)
            places = self._by_teacher(index).long().argsort(stable=True).argsort().to(x.device)
            yield torch.cat([x, more_x])[places], torch.cat([y, more_y])[places]


def epoch_order(images: int, batch: int, seed: int, epoch: int) -> list[Tensor]:
    """The batches of an epoch as index tensors: a permutation that depends on seed and epoch alone.

    The images left over when `batch` does not divide their number sit this epoch out (others will the next), so that
    every batch has the same shape. A set smaller than one batch is one batch.
    """
    shuffled = torch.randperm(images, generator=_generator(seed, epoch))
    whole = images // batch * batch or images
    return list(torch.split(shuffled[:whole], batch))


def mixed_order(labelled: int, unlabelled: int, batch: int, share: float, seed: int, epoch: int) -> list[Tensor]:
    """Batches of which a share is unlabelled; labelled images are numbered first, the rows of a batch shuffled.

    An epoch has as many batches as all images fill. Either kind goes through fresh permutations, one after another: the
    labelled images, usually fewer, recur within an epoch, and of the unlabelled ones some sit it out.

    >>> [int((index < 40).sum()) for index in mixed_order(40, 160, 50, 1 / 2, seed=0, epoch=0)]
    [25, 25, 25, 25]
    """
    generator, rows = _generator(seed, epoch), min(batch, labelled + unlabelled)
    number = (labelled + unlabelled) // rows
    some = min(max(1, round(share * rows)), rows - 1)
    given = _recurring(labelled, number * (rows - some), generator).view(number, -1)
    others = _recurring(unlabelled, number * some, generator).view(number, -1) + labelled
    mixed = torch.cat([given, others], dim=1)
    return list(mixed.gather(1, torch.rand(mixed.shape, generator=generator).argsort(1)))


def _recurring(images: int, number: int, generator: Generator) -> Tensor:
    """`number` images, each round of all of them in an order of its own."""
    rounds = [torch.randperm(images, generator=generator) for _ in range(-(-number // images))]
    return torch.cat([*rounds, torch.empty(0, dtype=torch.int64)])[:number]


def _generator(seed: int, epoch: int) -> Generator:
    return Generator().manual_seed((seed << 20) + epoch)
