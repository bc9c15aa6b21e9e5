"""Images and labels: a small set is one uint8 tensor on the device, a large one streams.

    data = load("cifar10").to("cuda")
    for x, y in data.train.batches(order):      # order: index tensors, the caller's own shuffle
        x = unit(data.augment(x))               # float in [0, 1]

`load` knows the sets of `names()`; `from_tensors` takes your own. Both hold a validation part out of the training set.

May import the ground alone. In: a name, a folder, a table or tensors. Out: `Data`, three sources of images and labels
that are asked for by index, with a note of everything that was decided for the reader.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from robustdial.data import digits, folder, hub, named, parquet
from robustdial.data.augment import Crop, CropFlip, flip, none
from robustdial.data.base import Data, Shape, Source, grey_levels, unit
from robustdial.data.batch import Batch
from robustdial.data.checks import whole_images
from robustdial.data.classes import arranged, class_names, listed_beside, renumbered, shown
from robustdial.data.divide import Raw, check_request, divide
from robustdial.data.feed import Feed, epoch_order
from robustdial.data.origin import Origin, augmented
from robustdial.data.resident import Resident
from robustdial.data.split import balanced
from robustdial.data.stream import Stream
from robustdial.data.tensors import from_tensors
from robustdial.data.unlabelled import Relabelled, joined, set_apart, without_labels

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
    "absolute",
    "augmented",
    "balanced",
    "class_names",
    "epoch_order",
    "flip",
    "from_tensors",
    "grey_levels",
    "is_there",
    "load",
    "names",
    "none",
    "renumbered",
    "shown",
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
    classes: Sequence[str] | None = None,
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
        classes: its class names in the order that labels are to have, as in a network that is there already; by
            default that of a file `classes.txt` beside the folders, or else the reader's. Classes that have numbers
            only take these names in turn.

    Raises:
        FileNotFoundError, ConnectionError: it is not there, or cannot be downloaded.
        ValueError: unknown name, damaged files, labels that name no class, a class without images, other `classes`, or
            a number out of range. One line, with the remedy.

    >>> data = load("digits", limit=200)
    >>> len(data.train), len(data.val), len(data.test), data.shape
    (180, 20, 360, (1, 8, 8))
    """
    check_request(limit, val)
    if size is not None and size < 1:
        raise ValueError(f"size={size}: give the side of the images in pixels, or leave it out.")
    if labelled is not None and unlabelled is not None:
        raise ValueError("labelled and unlabelled both say which images have no labels. Give one of them.")
    if unlabelled is not None and _place(unlabelled) == _place(name):
        raise ValueError(
            f"The images of {name} cannot be their own unlabelled part. Give labelled=, how many keep theirs."
        )
    raw = _read(name, Path(root), size)
    raw = _as_listed(raw, name) if classes is None else arranged(raw, classes, name)
    data = divide(name, raw, limit=limit, val=val, seed=seed)
    if labelled is not None:
        return set_apart(data, labelled, seed)
    return data if unlabelled is None else joined(data, unlabelled, _pictures(unlabelled, Path(root), data.shape))


def absolute(name: str) -> str:
    """A name of `names()`, its path absolute if it has one.

    >>> absolute("cifar10"), absolute("folder:/images/../x")
    ('cifar10', 'folder:/x')
    """
    prefix, _, place = name.partition(":")
    return f"{prefix}:{Path(place).expanduser().resolve()}" if _has_path(name) else name


def is_there(name: str) -> bool:
    """Whether the path of a name exists, if it has one."""
    _, _, place = name.partition(":")
    return not _has_path(name) or Path(place).expanduser().exists()


def _has_path(name: str) -> bool:
    prefix, _, place = name.partition(":")
    return bool(place) and prefix in _PLACED and _PLACED[prefix][0] == "PATH"


def _as_listed(raw: Raw, name: str) -> Raw:
    """In the order of the names in a `classes.txt` beside the folders of images, where there is one."""
    prefix, _, place = name.partition(":")
    path = listed_beside(place) if prefix == "folder" else None
    if path is None:
        return raw
    try:
        found = arranged(raw, class_names(str(path)), str(path))
    except ValueError as error:
        return replace(raw, notes=(*raw.notes, f"{path} is not used: {error}"))
    return replace(found, notes=(*raw.notes, f"The order of the classes is that of {path}."))


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
    near = difflib.get_close_matches(name, names(), n=1, cutoff=0.0)[0]
    raise ValueError(f"There is no data set {name!r}. Did you mean {near}? The data sets are {', '.join(names())}.")
