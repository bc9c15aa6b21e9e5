"""The images to learn from at another size than the others, as a training goes on from small ones to large ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from robustdial.data.augment import enlarged
from robustdial.data.base import Data, Shape, Source
from robustdial.data.resize import resized
from robustdial.data.stream import Stream
from robustdial.data.unlabelled import Relabelled


def to_learn_at(data: Data, side: int | None) -> Data:
    """Data whose images to learn from are squares of another side; validation and test part stay as they are.

    What is decoded anew is brought to that size when it is decoded, what lies in memory is resized on its device. An
    augmentation that shifts by pixels shifts by as large a part of the image.
    """
    if side is None or data.shape[1:] == (side, side):
        return data
    augment = enlarged(data.augment, side / data.shape[1])
    unlabelled = data.unlabelled and _at(data.unlabelled, side)
    extra = data.extra and replace(data.extra, source=_at(data.extra.source, side))
    return replace(data, train=_at(data.train, side), unlabelled=unlabelled, extra=extra, augment=augment)


def _at(source: Source, side: int) -> Source:
    if isinstance(source, Stream):
        return replace(source, shape=(source.shape[0], side, side))
    if isinstance(source, Relabelled):
        return replace(source, source=_at(source.source, side))
    return Resized(source, side)


@dataclass(frozen=True, eq=False)
class Resized:
    """The images of another source, resized when they are handed out.

    Args:
        source: of square images.
        side: in pixels.
    """

    source: Source
    side: int

    @property
    def labels(self) -> Tensor:
        return self.source.labels

    @property
    def shape(self) -> Shape:
        return self.source.shape[0], self.side, self.side

    def __len__(self) -> int:
        return len(self.source)

    def batches(self, order: Sequence[Tensor]) -> Iterator[tuple[Tensor, Tensor]]:
        for x, y in self.source.batches(order):
            small = resized(x.float(), self.side)
            yield (small if x.is_floating_point() else small.round().to(torch.uint8)), y

    def subset(self, indices: Tensor) -> Resized:
        return replace(self, source=self.source.subset(indices))

    def to(self, device: torch.device | str) -> Resized:
        return replace(self, source=self.source.to(device))
