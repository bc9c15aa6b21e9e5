"""WebDataset shards: images and labels in tar files, whose names say which part they are of."""

from __future__ import annotations

import glob
import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from robustdial.data.checks import numbered
from robustdial.data.complete import missing_files
from robustdial.data.divide import Raw
from robustdial.data.gathered import gathered
from robustdial.data.naming import by_name, check_marks, in_order
from robustdial.data.parts import PARTS, Part, part_of
from robustdial.data.picture import endings
from robustdial.data.reading import Reading
from robustdial.data.shown import check_text, few, shown
from robustdial.data.tars import Member, Packed, Sample, samples

_KEYS = ("label", "cls", "class")  # of JSON, where no other is named

Found = list[tuple[int, Member, str]]
"""Number of the shard, image and label of each sample."""


def read(place: str, reading: Reading) -> Raw:
    """The samples of the shards `place`: a tar file, a folder of them, or a pattern such as `train-{000..146}.tar`.

    All shards are read through once, and then in any order.

    Raises:
        FileNotFoundError: no such shard.
        ValueError: a broken shard, or a sample without an image or a label.
    """
    name = f"wds:{shown(place)}"
    check_text(place, "The pattern")
    shards = _shards(name, place)
    parts, notes = _parts(name, shards)
    found = {part: _samples(paths, reading) for part, paths in parts.items()}
    for part, inside in found.items():
        if not inside:
            raise ValueError(f"The shards of the {part} part of {name} hold no samples. Add some.")
    first = next(iter(parts))
    classes, labels = _labels({part: [label for *_, label in inside] for part, inside in found.items()}, first)
    images = {part: Packed.of(parts[part], [each[:2] for each in found[part]], reading.colour) for part in parts}
    return gathered(classes, images, labels, reading, (*notes, *missing_files(shards)))


def beginning(place: str) -> Path:
    """The folder that a pattern begins with; of one file, the folder that it lies in.

    >>> beginning("/x/part-{00..12}/*.tar").name, beginning("/x/a.tar").name, beginning("/x/y").name
    ('x', 'x', 'y')
    """
    parts = Path(place).parts
    plain = next((number for number, part in enumerate(parts) if re.search(r"[{}*?\[\]]", part)), len(parts))
    path = Path(*parts[:plain])
    return path.parent if path.suffix == ".tar" else path


def _shards(name: str, place: str) -> list[Path]:
    """The tar files that a pattern means, in its order. Raises FileNotFoundError if one of them is not there."""
    if "://" in place or place.startswith("pipe:"):
        raise ValueError(f"{name}: shards are read in any order, so they must lie on this machine. Fetch them first.")
    if Path(place).expanduser().is_dir():
        place = os.path.join(glob.escape(place), "**", "*.tar")
    paths: dict[str, None] = {}
    for pattern in _library(name).shardlists.expand_urls(os.path.expanduser(place)):
        there = sorted(glob.glob(pattern, recursive=True)) or [pattern] * os.path.isfile(pattern)
        if not there:
            raise FileNotFoundError(
                f"There is no shard {shown(pattern)}. Put it there, or leave it out of the pattern."
            )
        paths |= dict.fromkeys(there)
    return [Path(path) for path in paths]


def _library(name: str) -> Any:
    """The module `webdataset`, imported when it is needed. Raises ValueError if it is not installed."""
    try:
        import webdataset
    except ImportError:
        raise ValueError(
            f"{name} needs the webdataset library. Install it with: pip install 'robustdial[wds]'"
        ) from None
    return webdataset


def _parts(name: str, paths: Sequence[Path]) -> tuple[dict[Part, list[Path]], tuple[str, ...]]:
    """The shards of each part, and a note of those of none; all are for training where none names a part."""
    root = os.path.commonpath([path.parent for path in paths])
    named = {path: part_of(path.relative_to(root)) for path in paths}
    if not any(named.values()):
        return {"train": list(paths)}, ()
    others = [path.name for path, part in named.items() if part is None]
    parts = {part: [path for path in paths if named[path] == part] for part in PARTS if part in named.values()}
    return parts, ((f"Left out, of no part by its name: {few(others)}.",) if others else ())


def _samples(paths: Sequence[Path], reading: Reading) -> Found:
    return [
        (number, sample.files[_image(sample, reading.image)], _label(sample, reading.label))
        for number, path in enumerate(paths)
        for sample in samples(path)
    ]


def _image(sample: Sample, asked: str | None) -> str:
    """The ending of the image of a sample: the one that is asked for, or the only one there is."""
    known = [asked] if asked else [end for end in sample.files if f".{end}" in endings()]
    there = [end for end in known if end in sample.files]
    if len(there) == 1:
        return there[0]
    what = f"has several images ({few(there)})" if there else f"has no {asked or 'image'}"
    raise ValueError(
        f"{shown(sample.name)} {what}. Name one with --image: by what follows the first dot of its name, it holds "
        f"{few(list(sample.files))}."
    )


def _label(sample: Sample, asked: str | None) -> str:
    """The label of a sample as text: its file `cls`, or what `json` says."""
    ending = asked or "cls"
    ending = ending if ending in sample.files else "json"
    if ending not in sample.files:
        raise ValueError(
            f"{shown(sample.name)} has no label: it holds {few(list(sample.files))}, not cls or json. Name the "
            "file with --label; an archive of class folders has to be unpacked, for folder:PATH."
        )
    try:
        text = sample.text(ending).decode("utf-8").strip()
        label = _in_json(json.loads(text), asked) if ending == "json" else text
        if not label:
            raise ValueError("it is empty")
    except (ValueError, LookupError) as error:
        raise ValueError(
            f"{shown(sample.name)}: its {shown(ending)} gives no label ({error}). Name a key of it with --label."
        ) from None
    check_text(label, "The class")
    return label


def _in_json(found: Any, asked: str | None) -> str:
    """A number, a word, or what stands under a key."""
    if isinstance(found, dict):
        keys = [key for key in ([asked] if asked else _KEYS) if key in found]
        if not keys:
            raise LookupError(f"no key {asked or ', '.join(_KEYS)}")
        found = found[keys[0]]
    if isinstance(found, bool) or not isinstance(found, int | str) or found == "":
        raise ValueError(f"{str(found)[:20]!r} is neither a number nor a word")
    return str(found)


def _labels(words: dict[Part, list[str]], first: Part) -> tuple[tuple[str, ...], dict[Part, Tensor]]:
    """The names of the classes, and the labels of each part: numbers as they are, words in their order."""
    together = {word for each in words.values() for word in each}
    if all(re.fullmatch(r"-?[0-9]+", word) for word in together):
        labels = {part: torch.tensor([int(word) for word in each]) for part, each in words.items()}
        return numbered(labels[first]), labels
    classes, names = in_order(words[first]), in_order(together)
    check_marks(names, "of the labels", "The shards")
    place = {word: k for k, word in enumerate(names)}
    labels = {part: torch.tensor([place[word] for word in each]) for part, each in words.items()}
    return classes, {part: by_name(each, names, classes, part) for part, each in labels.items()}
