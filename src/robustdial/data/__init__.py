"""Images and labels: a small set is one uint8 tensor on the device, a large one streams.

    data = load("cifar10").to("cuda")
    for x, y in data.train.batches(order):      # order: index tensors, the caller's own shuffle
        x = unit(data.augment(x))               # float in [0, 1]

`load` knows the sets of `names()`; `from_tensors` takes your own. Both hold a validation part out of the training set.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from robustdial.checks import checked, nearest, whole
from robustdial.checks import seed as seed_fits
from robustdial.data import digits, folder, hub, named, parquet
from robustdial.data.augment import Crop, CropFlip, flip, none
from robustdial.data.base import Data, Shape, Source, check_part, grey_levels, unit
from robustdial.data.batch import Batch
from robustdial.data.checks import whole_images
from robustdial.data.divide import Raw, check_request, divide
from robustdial.data.feed import Feed, epoch_order
from robustdial.data.origin import Origin, augmented
from robustdial.data.resident import Resident
from robustdial.data.split import balanced
from robustdial.data.stream import Stream
from robustdial.data.tensors import from_tensors
from robustdial.data.unlabelled import Relabelled, joined, set_apart, without_labels

LARGEST = 4096
"""Side of the largest images, in pixels."""

__all__ = [
    "Batch",
    "Crop",
    "CropFlip",
    "Data",
    "Feed",
    "Origin",
    "Relabelled",
    "Resident",
    "Source",
    "Stream",
    "augmented",
    "balanced",
    "check_part",
    "epoch_order",
    "flip",
    "from_tensors",
    "grey_levels",
    "load",
    "names",
    "none",
    "unit",
    "whole_images",
    "without_labels",
]

_NAMED: dict[str, Callable[[Path, int | None], Raw]] = {
    "digits": digits.read,
    **{name: partial(named.read, name) for name in named.SETS},
}
_PLACED: dict[str, tuple[str, Callable[[str, int | None], Raw]]] = {  # prefix -> what follows it, reader
    "folder": ("PATH", folder.read),
    "parquet": ("PATH", parquet.read),
    "hf": ("NAME", hub.read),
}


def names() -> tuple[str, ...]:
    """What `load` understands."""
    return (*_NAMED, *(f"{prefix}:{place}" for prefix, (place, _) in _PLACED.items()))


@checked
def load(
    name: str,
    *,
    root: str | Path = "data",
    limit: int | None = None,
    val: float = 0.1,
    seed: int = 0,
    size: int | None = None,
    labelled: int | None = None,
    unlabelled: str | None = None,
) -> Data:
    """The data set `name`, split in three.

    Args:
        name: one of `names()`; `folder:PATH`, `parquet:PATH` and `hf:NAME` read your own.
        root: where the downloaded sets are kept.
        limit: use this many training images, as equal per class as possible; the validation part is among them.
        val: fraction of them to hold out for validation, the classes in proportion, at most 5,000 images; 0 for none.
        seed: of the two choices above. The test part does not depend on it.
        size: side of the square that images are brought to; None for the size they have.
        labelled: keep the labels of so many training images, as equal per class as possible, and take the others for
            the unlabelled part; None to keep all.
        unlabelled: another of `names()`, whose training images are the unlabelled part; a folder may hold pictures of
            any arrangement. They are brought to the size of the labelled ones, and their labels are not looked at.

    Raises:
        FileNotFoundError, ConnectionError: it is not there, or cannot be downloaded.
        ValueError: unknown name, damaged files, labels that name no class, a class without images, or a number out of
            range. One line, with the remedy.

    >>> data = load("digits", limit=200)
    >>> len(data.train), len(data.val), len(data.test), data.shape
    (180, 20, 360, (1, 8, 8))
    """
    check_request(limit, val)
    seed_fits(seed)
    if size is not None:
        whole("size", size, 1, LARGEST, "Give the side of the images in pixels, or leave it out.")
    if labelled is not None and unlabelled is not None:
        raise ValueError("labelled and unlabelled both say which images have no labels. Give one of them.")
    if unlabelled is not None and _place(unlabelled) == _place(name):
        raise ValueError(
            f"The images of {name} cannot be their own unlabelled part. Give labelled=, how many keep theirs."
        )
    data = divide(name, _read(name, Path(root), size), limit=limit, val=val, seed=seed)
    if labelled is not None:
        return set_apart(data, labelled, seed)
    return data if unlabelled is None else joined(data, unlabelled, _pictures(unlabelled, Path(root), data.shape))


def _place(name: str) -> tuple[str, Path]:
    """A name whose path, if it has one, is written in one way."""
    prefix, _, place = name.partition(":")
    return prefix, Path(place).expanduser().resolve()


def _pictures(name: str, root: Path, shape: Shape) -> Source:
    """Images to use without labels, brought to a shape as far as their reader can."""
    prefix, _, place = name.partition(":")
    if prefix == "folder" and place:
        return folder.pictures(place, shape).settle()
    _, height, width = shape
    return _read(name, root, height if height == width else None).train.settle()


def _read(name: str, root: Path, size: int | None) -> Raw:
    prefix, _, place = name.partition(":")
    if name in _NAMED:
        return _NAMED[name](root, size)
    if prefix in _PLACED and place:
        return _PLACED[prefix][1](place, size)
    near = nearest(name, names())
    raise ValueError(f"There is no data set {name!r}. Did you mean {near}? The data sets are {', '.join(names())}.")
