"""What a data set is: three sources of images, and what is known about them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, cast

import torch
from torch import Tensor

from robustdial.checks import device as device_of
from robustdial.checks import finite, said

Shape = tuple[int, int, int]
"""Channels, height, width."""


class Source(Protocol):
    """Images and labels that are asked for by index. Its order is the caller's, so it is never shuffled in secret.

    Attributes:
        labels: int64 `[N]`, on the CPU.
        shape: (C, H, W) of every image.
    """

    @property
    def labels(self) -> Tensor: ...

    @property
    def shape(self) -> Shape: ...

    def __len__(self) -> int: ...

    def batches(self, order: Sequence[Tensor]) -> Iterator[tuple[Tensor, Tensor]]:
        """For each index tensor of `order` its images `[B, C, H, W]` and labels `[B]`, in that order, on the device."""

    def subset(self, indices: Tensor) -> Source:
        """The images at `indices`, in that order."""

    def to(self, device: torch.device | str) -> Source:
        """The same images, handed out on `device`."""


@dataclass(frozen=True)
class Extra:
    """Labelled images that are learned from beside those of the training set.

    Args:
        source: of the images, of the shape and with the labels of the training set.
        share: of each batch, or of its labelled part, that is theirs, in (0, 1).
    """

    source: Source
    share: float

    def __post_init__(self) -> None:
        finite("extra_share", self.share, "Give a share of each batch, such as 0.7.")
        if not 0 < self.share < 1:
            raise ValueError(f"extra_share={self.share:g} is not a share of a batch. Give it between 0 and 1, as 0.7.")

    def to(self, device: torch.device | str) -> Extra:
        """The same images, handed out on `device`."""
        return replace(self, source=self.source.to(device))


@dataclass(frozen=True)
class Data:
    """A data set, split in three. The test part is never used for training or choosing.

    Attributes:
        name: as given to `load`.
        classes: their names; label k is `classes[k]`.
        train, val, test: `val` is taken out of the training set of the source.
        augment: images to images of the same type, shape and device, any function. It draws from torch's generators; of
            several processes, through `distributed.drawn` if an image is to get the same numbers on any number of them.
            One that can say what it did (`augment.Augmentation`) lets a solver keep something of each image.
        mean, std: per channel, of pixels in [0, 1], for the first layer of a model.
        notes: decisions that were made for the reader, one sentence each.
        unlabelled: images to learn from whose labels are unknown (-1) or guessed, for methods of self-training.
        extra: labelled images that are a share of each batch, for every method; an epoch is as long as without them.
    """

    name: str
    classes: tuple[str, ...]
    train: Source
    val: Source
    test: Source
    augment: Callable[[Tensor], Tensor]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    notes: tuple[str, ...] = ()
    unlabelled: Source | None = None
    extra: Extra | None = None

    @property
    def shape(self) -> Shape:
        """(C, H, W) of every image."""
        return self.train.shape

    def to(self, device: torch.device | str) -> Data:
        """The same data, handed out on `device`. Raises ValueError if there is none such."""
        device = device_of("device", device)
        unlabelled, extra = self.unlabelled and self.unlabelled.to(device), self.extra and self.extra.to(device)
        train, val, test = self.train.to(device), self.val.to(device), self.test.to(device)
        return replace(self, train=train, val=val, test=test, unlabelled=unlabelled, extra=extra)


def check_part(source: object) -> None:
    """Raises TypeError unless it is a part of a data set, which gives images by number, ValueError if it has none."""
    if isinstance(source, Data):
        raise TypeError("source is a Data, all of a data set. Give a part of it, such as data.test.")
    if not all(hasattr(source, verb) for verb in ("batches", "subset", "labels")):
        raise TypeError(
            f"{type(source).__name__} is no source of images. Give data.test; of tensors, "
            "from_tensors((x, y), (x, y)).test; of a Dataset or a DataLoader, from_dataset(train, test).test."
        )
    if not len(cast(Source, source)):
        raise ValueError("There are no images. Give at least one.")


def numbers(indices: Tensor) -> Tensor:
    """Which images, on the CPU: their numbers, also as a list, a range or an array, or bool for each.

    >>> numbers(range(3))
    tensor([0, 1, 2])
    """
    found = torch.as_tensor(indices, device="cpu")
    if found.is_floating_point():
        raise TypeError(f"indices is {said(indices)}. Give the numbers of images, such as torch.arange(10).")
    return found


def unit(x: Tensor) -> Tensor:
    """Images as float in [0, 1]: uint8 is divided by 255, floats pass.

    >>> unit(torch.tensor([0, 51, 255], dtype=torch.uint8))
    tensor([0.0000, 0.2000, 1.0000])
    """
    return x if x.is_floating_point() else x.float() / 255


def grey_levels(x: Tensor) -> Tensor:
    """Images in [0, 1] as uint8, rounded: what a picture file holds.

    >>> grey_levels(torch.tensor([0.0, 0.2, 1.0]))
    tensor([  0,  51, 255], dtype=torch.uint8)
    """
    return (x * 255).round().to(torch.uint8)
