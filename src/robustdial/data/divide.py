"""From what a reader found to training, validation and test part."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Generator, Tensor

from robustdial.checks import default_device, finite, whole
from robustdial.data.base import Data, Source, unit
from robustdial.data.checks import check_classes, check_labels, is_constant
from robustdial.data.overlap import of_images_twice
from robustdial.data.parts import PARTS, Part
from robustdial.data.shown import few
from robustdial.data.split import balanced, stratified
from robustdial.data.stream import told

LARGEST_VAL = 5000
MEASURED = 1024  # images that mean and std are measured on
_CALLED: dict[Part, str] = {"train": "training", "val": "validation", "test": "test"}


class Pool(Source, Protocol):
    """A source of which nothing has been decoded yet, so that a subset costs nothing."""

    def subset(self, indices: Tensor) -> Pool: ...

    def settle(self, workers: int | None = None) -> Source:
        """What to train from: one tensor if it is small, or `workers` is 0."""


@dataclass(frozen=True)
class Raw:
    """What a reader finds: labels are known, pictures need not be decoded.

    Attributes:
        train: without images where the source has none to learn from.
        test: None if the source has none; a fifth is then set apart, the same for every seed.
        val: None if the source has none; a part of the training images is then held out.
        mean, std: None to measure them on the training part.
    """

    classes: tuple[str, ...]
    train: Pool
    test: Pool | None
    augment: Callable[[Tensor], Tensor]
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    notes: tuple[str, ...] = ()
    val: Pool | None = None


def check_request(limit: int | None, val: float) -> None:
    """Raise a ValueError for a `limit` or `val` that no set could satisfy, before anything is read, and where numbers
    cannot be drawn."""
    default_device()
    if limit is not None:
        whole("limit", limit, least=1, remedy="Give the number of training images, or leave it out for all of them.")
    finite("val", val, "Give 0 (no validation part) to below 1, for example 0.1.")
    if not 0 <= val < 1:
        raise ValueError(
            f"val={val} is not a fraction of the training set. Give 0 (no validation part) to below 1, for example 0.1."
        )


def divide(name: str, raw: Raw, *, limit: int | None, val: float, seed: int, workers: int | None = None) -> Data:
    """Set the test part apart if the source did not, choose `limit` images, hold out `val` of them, decode the rest.

    Nothing is held out of the training images where the source has a validation part of its own.

    Raises:
        ValueError: labels that name no class, a class without training images, a limit below two per class, or too few
            images to hold any out.
    """
    if not len(raw.train):
        raise ValueError(
            "The training set is empty. Add images to it; their folder, file or split is called train, or alike."
        )
    check_labels(raw.train.labels, raw.classes, "training")
    check_classes(raw.train.labels, raw.classes)
    raw = with_test(raw)
    assert raw.test is not None
    check_labels(raw.test.labels, raw.classes, "test")
    unseen = _without_images(raw.test.labels, raw.classes)
    if raw.val is not None:
        check_labels(raw.val.labels, raw.classes, "validation")
    fit, held = _chosen(
        raw.train.labels, len(raw.classes), limit, 0.0 if raw.val else val, Generator().manual_seed(seed)
    )
    if val and raw.val is None and not len(held):
        raise ValueError(
            f"There are {len(fit)} training images of {len(raw.classes)} classes, and none can be held out for "
            "validation. Add images, or a validation part; in Python val=0 does without."
        )
    train = raw.train.subset(fit).settle(workers)
    held_out = (raw.train.subset(held) if raw.val is None else raw.val).settle(workers)
    test = raw.test.settle(workers)
    mean, std = (raw.mean, raw.std) if raw.mean and raw.std else measure(train)
    streamed, blank = told({"train": train, "val": held_out, "test": test}), _of_nothing_to_see(train)
    twice = () if blank else of_images_twice(train, test)
    return Data(
        name=name,
        classes=raw.classes,
        train=train,
        val=held_out,
        test=test,
        augment=raw.augment,
        mean=mean,
        std=std,
        notes=(*twice, *raw.notes, *unseen, *_of_own_val(raw.val), *streamed, *blank),
    )


def with_test(raw: Raw) -> Raw:
    """The same with a test part: a fifth of the training images where there is none."""
    if raw.test is not None:
        return raw
    fifth = math.ceil(len(raw.train) / 5)
    # a seed of its own: the test part must not follow the seed of a run
    rest, held = stratified(raw.train.labels, fifth, Generator().manual_seed(0))
    if not len(held):
        raise ValueError(
            f"There are {len(rest)} images of {len(raw.classes)} classes, and none can be set apart as a test part. "
            "Add images, or a test part; where these are no classes, name the column that holds them with --label."
        )
    kind = "training images" if raw.val is not None else "images"
    note = f"No test part came with it: a fifth of the {kind} ({len(held)}) is set apart, the same for every seed."
    return replace(raw, train=raw.train.subset(rest), test=raw.train.subset(held), notes=(*raw.notes, note))


def for_measuring(name: str, raw: Raw, workers: int | None = None) -> tuple[Data, Part]:
    """What is only measured, and which part of it: the test part; without one the validation part; without either all.

    The other parts are left empty, and nothing of them is decoded.

    Raises:
        ValueError: labels that name no class, or no images.
    """
    part, pool, note = _to_measure(raw)
    check_labels(pool.labels, raw.classes, _CALLED[part])
    nothing = pool.subset(torch.empty(0, dtype=torch.int64)).settle()
    images = pool.settle(workers)
    mean, std = (raw.mean, raw.std) if raw.mean and raw.std else measure(images)
    train, val, test = (images if which == part else nothing for which in PARTS)
    notes = raw.notes + note + told({part: images})
    return Data(name, raw.classes, train, val, test, raw.augment, mean, std, notes), part


def _to_measure(raw: Raw) -> tuple[Part, Pool, tuple[str, ...]]:
    if raw.test is not None:
        return "test", raw.test, ()
    if raw.val is not None:
        return "val", raw.val, (f"No test part came with it: its validation part ({len(raw.val)} images) is measured.",)
    return "test", raw.train, (f"It is not divided into parts: all of its {len(raw.train)} images are measured.",)


def _of_nothing_to_see(train: Source) -> tuple[str, ...]:
    return ("All training images are one and the same colour: there is nothing to see.",) if is_constant(train) else ()


def _without_images(labels: Tensor, classes: Sequence[str]) -> tuple[str, ...]:
    missing = [classes[k] for k in (labels.bincount(minlength=len(classes)) == 0).nonzero().flatten().tolist()]
    return (f"No test image is of class {few(missing)}: nothing is measured of it.",) if missing else ()


def _of_own_val(val: Pool | None) -> tuple[str, ...]:
    if val is None:
        return ()
    return (
        f"Its own validation part ({len(val)} images) chooses the checkpoint; none is held out of the training images.",
    )


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
