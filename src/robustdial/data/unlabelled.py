"""Images without labels: taken from the training images, or read from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Generator, Tensor

from robustdial.checks import checked
from robustdial.data.base import Data, Shape, Source, check_part, numbers
from robustdial.data.split import balanced
from robustdial.data.stream import told

UNKNOWN = -1


@dataclass(frozen=True, eq=False)
class Relabelled:
    """The images of another source with other labels.

    Args:
        source: of the images; its own labels are never looked at.
        labels: int64 `[N]`, on the CPU.
    """

    source: Source
    labels: Tensor

    @property
    def shape(self) -> Shape:
        return self.source.shape

    def __len__(self) -> int:
        return len(self.source)

    def batches(self, order: Sequence[Tensor]) -> Iterator[tuple[Tensor, Tensor]]:
        for index, (x, _) in zip(order, self.source.batches(order), strict=True):
            yield x, self.labels[index.cpu()].to(x.device)

    def subset(self, indices: Tensor) -> Relabelled:
        return Relabelled(self.source.subset(index := numbers(indices)), self.labels[index])

    def to(self, device: torch.device | str) -> Relabelled:
        return Relabelled(self.source.to(device), self.labels)


@checked
def without_labels(source: Source) -> Relabelled:
    """The images of a source, their labels unknown."""
    check_part(source)
    return Relabelled(source, torch.full((len(source),), UNKNOWN))


def set_apart(data: Data, labelled: int, seed: int) -> Data:
    """Data whose training part keeps the labels of `labelled` images, as equal per class as possible.

    The others become `unlabelled`; validation and test part stay as they are. Raises ValueError if that is too few or
    too many.
    """
    number = len(data.train)
    if not len(data.classes) <= labelled < number:
        raise ValueError(
            f"labelled={labelled}: there are {number} images to train on, of {len(data.classes)} classes. Give at "
            "least one for each class, and fewer than all."
        )
    kept = balanced(data.train.labels, labelled, Generator().manual_seed(seed))
    others = torch.ones(number, dtype=torch.bool)
    others[kept] = False
    note = (
        f"{labelled:,} of {number:,} training images keep their labels; the others are for methods of self-training, "
        "without theirs. The validation part keeps its labels too."
    )
    rest = without_labels(data.train.subset(others.nonzero().flatten()))
    return replace(data, train=data.train.subset(kept), unlabelled=rest, notes=(*data.notes, note))


def joined(data: Data, name: str, source: Source) -> Data:
    """Data with the images of a source called `name` as its unlabelled ones. Raises ValueError for another shape."""
    if source.shape != data.shape:
        raise ValueError(
            f"The unlabelled images of {name} are {source.shape}, those of {data.name} {data.shape}. Bring them to one "
            "number of channels, height and width."
        )
    note = f"{len(source):,} images of {name} are for methods of self-training; labels of theirs are not looked at."
    notes = (*data.notes, note, *told({"unlabelled": source}))
    return replace(data, unlabelled=without_labels(source), notes=notes)
