"""Images and labels: a small set is one uint8 tensor on the device, a large one streams.

    data = load("cifar10").to("cuda")
    for x, y in data.train.batches(order):      # order: index tensors, the caller's own shuffle
        x = unit(data.augment(x))               # float in [0, 1]

`load` knows the sets of `names()`; `from_tensors` takes your own. Both hold a validation part out of the training set.

May import the ground alone. In: a name, a folder, a table or tensors. Out: `Data`, three sources of images and labels
that are asked for by index, with a note of everything that was decided for the reader.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

from robustdial.checks import checked, nearest, whole
from robustdial.checks import seed as seed_fits
from robustdial.data import csv_file, digits, folder, hub, named, npz, parquet, shapes, wds
from robustdial.data.augment import Crop, CropFlip, Then, flip, none
from robustdial.data.base import Data, Extra, Shape, Source, check_part, grey_levels, unit
from robustdial.data.batch import Batch
from robustdial.data.checks import check_varied, whole_images
from robustdial.data.classes import arranged, class_names, listed_beside, renumbered
from robustdial.data.dataset import from_dataset
from robustdial.data.divide import Pool, Raw, check_request, divide, for_measuring
from robustdial.data.extra import with_extra
from robustdial.data.feed import Feed, epoch_order
from robustdial.data.mixing import Mixing, mixing_of
from robustdial.data.origin import Origin, augmented
from robustdial.data.parts import Part
from robustdial.data.policies import Policy, check_augment, with_augment
from robustdial.data.reading import Reading
from robustdial.data.resident import Resident
from robustdial.data.shown import few, shown
from robustdial.data.smaller import to_learn_at
from robustdial.data.split import balanced
from robustdial.data.stream import Stream
from robustdial.data.tensors import from_tensors
from robustdial.data.unlabelled import Relabelled, joined, set_apart, without_labels

__all__ = [
    "Batch",
    "Crop",
    "CropFlip",
    "Data",
    "Extra",
    "Feed",
    "Mixing",
    "Origin",
    "Part",
    "Policy",
    "Relabelled",
    "Resident",
    "Source",
    "Stream",
    "Then",
    "absolute",
    "augmented",
    "balanced",
    "check_augment",
    "check_part",
    "check_varied",
    "class_names",
    "epoch_order",
    "few",
    "flip",
    "from_dataset",
    "from_tensors",
    "grey_levels",
    "is_there",
    "load",
    "load_to_measure",
    "mixing_of",
    "names",
    "none",
    "renumbered",
    "to_learn_at",
    "unit",
    "whole_images",
    "with_augment",
    "without_labels",
]

MOST_WORKERS = 512

_NAMED: dict[str, Callable[[Path, int | None], Raw]] = {
    "digits": digits.read,
    "shapes": shapes.read,
    **{name: partial(named.read, name) for name in named.SETS},
}


class _Placed(NamedTuple):
    """A kind of set that lies somewhere: what is to be written after its prefix, and its reader."""

    place: str
    read: Callable[[str, Reading], Raw]


_PLACED = {
    "folder": _Placed("PATH", folder.read),
    "csv": _Placed("PATH", csv_file.read),
    "parquet": _Placed("PATH", parquet.read),
    "hf": _Placed("NAME", hub.read),
    "wds": _Placed("PATTERN", wds.read),
    "npz": _Placed("PATH", npz.read),
}


_BY_ENDING = {".csv": "csv", ".tsv": "csv", ".parquet": "parquet", ".tar": "wds", ".npz": "npz"}


def names() -> tuple[str, ...]:
    """What `load` understands."""
    return (*_NAMED, *(f"{prefix}:{kind.place}" for prefix, kind in _PLACED.items()))


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
    label: str | None = None,
    image: str | None = None,
    background: str = "white",
    classes: Sequence[str] | None = None,
    workers: int | None = None,
    extra: str | None = None,
    extra_share: float = 0.7,
) -> Data:
    """The data set `name`, split in three. What was decided on the way stands in its `notes` (`docs/data.md`).

    Args:
        name: one of `names()`; `folder:PATH`, `parquet:PATH`, `wds:PATTERN`, `npz:PATH` and `hf:NAME` read your own.
        root: where the downloaded sets are kept.
        limit: use this many training images, as equal per class as possible; the validation part is among them.
        val: fraction of them to hold out for validation, the classes in proportion, at most 5,000 images; 0 for none.
            Where the set has a validation part of its own, that is used, and none is held out.
        seed: of the two choices above. The test part does not depend on it.
        size: side of the square that images are brought to, in pixels, 8 or more; None for the size they have.
        labelled: keep the labels of so many training images, as equal per class as possible, and take the others for
            the unlabelled part; None to keep all.
        unlabelled: another of `names()`, whose training images are the unlabelled part; a folder may hold pictures of
            any arrangement. They are brought to the size of the labelled ones, and their labels are not looked at.
        label, image: columns of parquet, csv or hf that hold the labels and the images, or files in a sample of wds
            (the label may be a key of its JSON); None to find them.
        background: colour that shows through transparent pixels, such as white or #808080.
        classes: its class names in the order that labels are to have, as in a network that is there already; by
            default that of a file `classes.txt` beside the folders, or else the reader's. Classes that have numbers
            only take these names in turn.
        workers: processes that decode images of files whenever they are needed; 0 decodes all of them into memory now;
            by default a part below 2 GiB is kept in memory, and a larger one is decoded by a process for each
            processor, at most 8.
        extra: another of `names()`, whose labelled training images are a share of every batch, `extra_share`. They are
            read from where they lie (unless `workers` is 0), and matched by the names of their classes, or by number
            where there are no names.
        extra_share: in (0, 1).

    Raises:
        FileNotFoundError, ConnectionError: it is not there, or cannot be downloaded.
        ValueError: unknown name, damaged files, labels that name no class, a class without images, other `classes`,
            columns or parts that could be meant in several ways, or a number out of range. One line, with the remedy.

    >>> data = load("digits", limit=200)
    >>> len(data.train), len(data.val), len(data.test), data.shape
    (180, 20, 360, (1, 8, 8))
    """
    check_request(limit, val)
    _check_workers(workers)
    seed_fits(seed)
    reading = Reading(size, label, image, background)
    if labelled is not None and unlabelled is not None:
        raise ValueError("labelled and unlabelled both say which images have no labels. Give one of them.")
    if unlabelled is not None and _place(unlabelled) == _place(name):
        raise ValueError(
            f"The images of {name} cannot be their own unlabelled part. Give labelled=, how many keep theirs."
        )
    if extra is not None and _place(extra) == _place(name):
        raise ValueError(f"The images of {name} cannot be extra ones beside themselves. Name another set as extra.")
    raw = _read(name, Path(root), reading)
    if classes is not None:
        raw = arranged(raw, classes, name)
    data = divide(name, raw, limit=limit, val=val, seed=seed, workers=workers)
    if extra is not None:
        data = with_extra(data, extra, _read(extra, Path(root), reading.for_other(name, extra)), extra_share, workers)
    if labelled is not None:
        return set_apart(data, labelled, seed)
    if unlabelled is None:
        return data
    pictures = _pictures(unlabelled, Path(root), data.shape, background)
    return joined(data, unlabelled, pictures.settle(workers))


@checked
def load_to_measure(
    name: str,
    *,
    root: str | Path = "data",
    size: int | None = None,
    label: str | None = None,
    image: str | None = None,
    background: str = "white",
    workers: int | None = None,
) -> tuple[Data, Part]:
    """What of the data set `name` measures a network that was not trained on it here, and which part that is.

    Its test part; without one its validation part; without either all of it, since nothing has to be held out. The
    other parts are empty, and nothing of them is decoded. Arguments and errors are those of `load`.

    >>> data, part = load_to_measure("digits")
    >>> part, len(data.test), len(data.train)
    ('test', 360, 0)
    """
    _check_workers(workers)
    return for_measuring(name, _read(name, Path(root), Reading(size, label, image, background)), workers)


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
    path = wds.beginning(place) if name.startswith("wds:") else Path(place)
    return not _has_path(name) or path.expanduser().exists()


def _has_path(name: str) -> bool:
    prefix, _, place = name.partition(":")
    return bool(place) and prefix in _PLACED and _PLACED[prefix].place != "NAME"


def _as_listed(raw: Raw, name: str) -> Raw:
    """In the order of the names in a `classes.txt` beside the folders of images, or the shards, where there is one."""
    prefix, _, place = name.partition(":")
    places = {"folder": Path(place), "wds": wds.beginning(place)}
    path = listed_beside(places[prefix]) if prefix in places else None
    if path is None:
        return raw
    try:
        found = arranged(raw, class_names(str(path)), str(path))
    except ValueError:
        return replace(raw, notes=(*raw.notes, f"{path.name} is not used: it does not name each class once."))
    return replace(found, notes=(*raw.notes, f"The order of the classes is that of {path.name}."))


def _check_workers(workers: int | None) -> None:
    if workers is not None:
        whole("workers", workers, most=MOST_WORKERS)


def _place(name: str) -> tuple[str, Path]:
    """A name whose path, if it has one, is written in one way."""
    prefix, _, place = name.partition(":")
    return prefix, Path(place).expanduser().resolve()


def _pictures(name: str, root: Path, shape: Shape, background: str) -> Pool:
    """Images to use without labels, brought to a shape as far as their reader can."""
    prefix, _, place = name.partition(":")
    _, height, width = shape
    if prefix == "folder" and place:
        return folder.pictures(place, shape, Reading(background=background))
    return _read(name, root, Reading(height if height == width else None, background=background)).train


def _read(name: str, root: Path, reading: Reading) -> Raw:
    prefix, _, place = name.partition(":")
    if name in _NAMED:
        reading.check_no_columns(name)
        return _NAMED[name](root, reading.size)
    if prefix in _PLACED and place:
        return _as_listed(_PLACED[prefix].read(place, reading), name)
    if Path(name).expanduser().exists():
        kind = _BY_ENDING.get(Path(name).suffix.lower(), "folder")
        raise ValueError(f"{shown(name)} is a path. Say what lies there: {kind}:{shown(name)}.")
    near, known = nearest(name, names()), ", ".join(names())
    raise ValueError(f"There is no data set {shown(name)!r}. Did you mean {near}? The data sets are {known}.")
