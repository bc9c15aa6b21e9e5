"""From what a reader found to training, validation and test part."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Generator, Tensor

from robustdial.checks import finite, whole
from robustdial.data.base import Data, Source, unit
from robustdial.data.checks import check_classes, check_labels
from robustdial.data.split import balanced, stratified

LARGEST_VAL = 5000
MEASURED = 1024  # images that mean and std are measured on


class Pool(Source, Protocol):
    """A source of which nothing has been decoded yet, so that a subset costs nothing."""

    def subset(self, indices: Tensor) -> Pool: ...

    def settle(self) -> Source:
        """What to train from: one tensor if it is small."""


@dataclass(frozen=True)
class Raw:
    """What a reader finds: labels are known, pictures need not be decoded.

    Attributes:
        test: None if the source is not divided; a fifth is then set apart, the same for every seed.
        mean, std: None to measure them on the training part.
    """

    classes: tuple[str, ...]
    train: Pool
    test: Pool | None
    augment: Callable[[Tensor], Tensor]
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    notes: tuple[str, ...] = ()


def check_request(limit: int | None, val: float) -> None:
    """Raise a ValueError for a `limit` or `val` that no set could satisfy, before anything is read."""
    if limit is not None:
        whole("limit", limit, least=1, remedy="Give the number of training images, or leave it out for all of them.")
    finite("val", val, "Give 0 (no validation part) to below 1, for example 0.1.")
    if not 0 <= val < 1:
        raise ValueError(
            f"val={val} is not a fraction of the training set. Give 0 (no validation part) to below 1, for example 0.1."
        )


def divide(name: str, raw: Raw, *, limit: int | None, val: float, seed: int) -> Data:
    """Set the test part apart if the source did not, choose `limit` images, hold out `val` of them, decode the rest.

    Raises:
        ValueError: labels that name no class, a class without training images, or a limit below two per class.
    """
    check_labels(raw.train.labels, raw.classes, "training")
    check_classes(raw.train.labels, raw.classes)
    train, test, notes = _with_test(raw)
    check_labels(test.labels, raw.classes, "test")
    fit, held = _chosen(train.labels, len(raw.classes), limit, val, Generator().manual_seed(seed))
    settled = train.subset(fit).settle()
    mean, std = (raw.mean, raw.std) if raw.mean and raw.std else measure(settled)
    return Data(
        name=name,
        classes=raw.classes,
        train=settled,
        val=train.subset(held).settle(),
        test=test.settle(),
        augment=raw.augment,
        mean=mean,
        std=std,
        notes=raw.notes + notes,
    )


def _with_test(raw: Raw) -> tuple[Pool, Pool, tuple[str, ...]]:
    if raw.test is not None:
        return raw.train, raw.test, ()
    fifth = math.ceil(len(raw.train) / 5)
    # a seed of its own: the test part must not follow the seed of a run
    rest, held = stratified(raw.train.labels, fifth, Generator().manual_seed(0))
    note = f"No test set came with it: a fifth of the images ({len(held)}) is set apart, the same for every seed."
    return raw.train.subset(rest), raw.train.subset(held), (note,)


def _chosen(labels: Tensor, classes: int, limit: int | None, val: float, generator: Generator) -> tuple[Tensor, Tensor]:
    """Indices of the training and of the validation part."""
    if limit is not None and limit < 2 * classes:
        raise ValueError(
            f"limit={limit} is less than two images for each of {classes} classes. Give at least {2 * classes}."
        )
    kept = torch.arange(len(labels))
    if limit is not None and limit < len(labels):
        kept = balanced(labels, limit, generator)
    held = min(LARGEST_VAL, max(1, round(val * len(kept)))) if val else 0
    rest, out = stratified(labels[kept], held, generator)
    return kept[rest], kept[out]


def measure(source: Source) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation per channel, of pixels in [0, 1], over up to 1,024 images spread over the source."""
    number = min(MEASURED, len(source))
    places = torch.linspace(0, len(source) - 1, number).long()
    sums = torch.zeros(2, source.shape[0], dtype=torch.float64)
    for x, _ in source.batches(torch.split(places, 64)):
        p = unit(x).double()
        sums += torch.stack([p.mean((2, 3)).sum(0), p.square().mean((2, 3)).sum(0)]).cpu()
    mean, square = sums / number
    std = (square - mean**2).clamp(min=0).sqrt().clamp(min=1 / 255)  # a constant channel must not divide by zero
    return _rounded(mean), _rounded(std)


def _rounded(values: Tensor) -> tuple[float, ...]:
    return tuple(round(value, 4) for value in values.tolist())
