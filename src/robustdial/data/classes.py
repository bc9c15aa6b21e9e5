"""Class names: read as people write them, and matched with those that a network was trained on.

Notes do not say where the data lies: they are published with what was measured.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from robustdial.data.base import Data
from robustdial.data.divide import Raw
from robustdial.data.resident import Resident
from robustdial.data.shown import few
from robustdial.data.stream import Stream
from robustdial.data.unlabelled import Relabelled

LISTED = "classes.txt"
_LARGEST = 100_000  # an index beyond this is a slip


def class_names(text: str) -> tuple[str, ...]:
    """Class names in the order of a network's logits.

    Args:
        text: names with commas between them; or a file: text with a name on each line (`0 cat` and `1 dog` are names
            with their numbers), or JSON, a list of names or a mapping between names and indices. Where a mapping leaves
            an index out, that class goes by its number.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a name or an index stands there twice, or there are less than two names.

    >>> class_names("cat,dog, owl")
    ('cat', 'dog', 'owl')
    """
    path = Path(text).expanduser()
    if path.suffix.lower() in (".txt", ".json") and not path.is_file():
        raise FileNotFoundError(f"There is no file {text} of class names. Give a file, or the names: cat,dog,owl.")
    names = _in_file(path) if path.is_file() else tuple(name.strip() for name in text.split(","))
    if trouble := _trouble(names):
        raise ValueError(f"The class names {text}: {trouble}. Give each class once, in the order of the logits.")
    return names


def listed_beside(place: Path) -> Path | None:
    """A file `classes.txt` in a folder of images, or in the folder of one of its splits."""
    path = place.expanduser()
    return next(iter(sorted(path.glob(LISTED)) or sorted(path.glob(f"*/{LISTED}"))), None)


def arranged(raw: Raw, names: Sequence[str], name: str) -> Raw:
    """What a reader found, with its labels in the order of `names`, and a note where that changes or assumes something.

    Images that were listed class by class stay so: divided with the same seed, they are divided as if they had been
    read in this order.

    Args:
        raw: of the data set `name`.
        names: the classes in the order of a network.

    Raises:
        ValueError: the classes are others.
    """
    _check_none_missing(raw.classes, names, name)
    labels, notes = _numbering(raw.classes, names, name)
    found = {field.name: getattr(raw, field.name) for field in fields(raw)}
    parts = {key: part for key, part in found.items() if isinstance(part, Resident | Stream)}
    moved: dict[str, Any] = {key: _moved(part, labels) for key, part in parts.items()} if notes else {}
    return replace(raw, classes=tuple(names), notes=(*raw.notes, *notes), **moved)


def renumbered(data: Data, names: Sequence[str]) -> Data:
    """Data with labels in the order of `names`, of which it may hold some only; notes as in `arranged`.

    Raises:
        ValueError: one of its classes is none of `names`.
    """
    labels, notes = _numbering(data.classes, names, data.name)
    missing = [] if _by_number(data.classes, names) else _without(names, data.classes)
    if missing:
        notes = (*notes, f"Of the {len(names)} classes of the network, the data has no {few(missing)}.")
    train, val, test = (Relabelled(part, labels[part.labels]) for part in (data.train, data.val, data.test))
    return replace(data, classes=tuple(names), notes=(*data.notes, *notes), train=train, val=val, test=test)


def numbers_of(have: Sequence[str], want: Sequence[str], name: str) -> tuple[Tensor, tuple[str, ...]]:
    """The place in `want` of every class of other images, called `name`, that are learned from beside those of `want`.

    They are matched by name, or by number where either side knows its classes by number alone; some may be missing.

    Raises:
        ValueError: one of their classes is none of `want`.
    """
    same = torch.arange(len(have))
    if list(have) == list(want):
        return same, ()
    if len(have) <= len(want) and (_numbers(have) or _numbers(want)):
        return same, (f"Classes are matched by number: {_paired(have, want[: len(have)])}.",)
    if new := _without(have, want):
        raise ValueError(
            f"The extra images of {name} are of other classes ({few(new)}) than the training images ({few(want)}). "
            "Name them alike, or leave them out."
        )
    place = {known: k for k, known in enumerate(want)}
    return torch.tensor([place[each] for each in have]), ("Classes are matched by name.",)


def _numbering(have: Sequence[str], want: Sequence[str], name: str) -> tuple[Tensor, tuple[str, ...]]:
    """The place in `want` of every class of `have`, and a note if that is another order, or an assumption."""
    same = torch.arange(len(have))
    if list(have) == list(want[: len(have)]):
        return same, ()
    if len(have) == len(want) and _numbers(have):
        return same, (f"The classes of the data have numbers only: {_paired(have, want)} are assumed.",)
    if len(have) == len(want) and _numbers(want):
        return same, (f"The network knows its classes by number only: {_paired(want, have)} are assumed.",)
    if new := _without(have, want):
        raise ValueError(
            f"{name} has other classes than the network: {few(new)} is none of {few(want)}. Give images of the "
            "classes that it was trained on."
        )
    there = {known: place for place, known in enumerate(want)}
    note = f"The classes of the data stand in another order than those of the network ({few(want)}): matched by name."
    return torch.tensor([there[each] for each in have]), (note,)


def _check_none_missing(have: Sequence[str], want: Sequence[str], name: str) -> None:
    missing, new = _without(want, have), _without(have, want)
    if (missing or new) and not _by_number(have, want):
        said = [f"{few(each)} is {what}" for each, what in ((missing, "missing"), (new, "new")) if each]
        raise ValueError(
            f"{name} has other classes than the network: {', '.join(said)}. Name them as in the training, or give "
            "other data with --data."
        )


def _moved(part: Resident | Stream, labels: Tensor) -> Resident | Stream:
    """A part with other labels; if it was listed class by class, it is again."""
    moved = part.relabelled(labels[part.labels])
    listed = bool((part.labels.diff() >= 0).all())
    return moved.subset(moved.labels.argsort(stable=True)) if listed else moved


def _by_number(have: Sequence[str], want: Sequence[str]) -> bool:
    """Whether there is nothing to match but the numbers of the classes."""
    return len(have) == len(want) and (_numbers(have) or _numbers(want))


def _numbers(names: Sequence[str]) -> bool:
    """Whether classes are told by their numbers alone."""
    return list(names) == [str(k) for k in range(len(names))]


def _without(names: Sequence[str], others: Sequence[str]) -> list[str]:
    known = set(others)
    return [name for name in names if name not in known]


def _paired(numbers: Sequence[str], names: Sequence[str]) -> str:
    return few([f"{number} for {name}" for number, name in zip(numbers, names, strict=True)])


def _trouble(names: Sequence[str]) -> str | None:
    """What is wrong with names, in words."""
    twice = [name for name, number in Counter(names).items() if number > 1]
    if len(names) < 2:
        return "there is one name only" if names else "there is none"
    return "one is empty" if "" in names else f"{few(twice)} twice" if twice else None


def _in_file(path: Path) -> tuple[str, ...]:
    try:
        text = path.read_text(encoding="utf-8-sig")
        return _in_json(json.loads(text)) if path.suffix.lower() == ".json" else _in_lines(text)
    except (UnicodeDecodeError, json.JSONDecodeError, TypeError) as error:
        raise ValueError(
            f"{path} holds no class names ({error}). Write one name on each line, or JSON: a list, or "
            '{"cat": 0, "dog": 1}.'
        ) from None


def _in_lines(text: str) -> tuple[str, ...]:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    numbered = [match.groups() for line in lines if (match := re.fullmatch(r"(\d+)[\s,:]+(\S.*)", line))]
    numbers = [int(number) for number, _ in numbered]
    if lines and len(numbered) == len(lines) and sorted(numbers) in (_from(0, lines), _from(1, lines)):
        return tuple(name for _, name in sorted(zip(numbers, (name for _, name in numbered), strict=True)))
    return tuple(lines)


def _from(first: int, lines: Sequence[str]) -> list[int]:
    return list(range(first, first + len(lines)))


def _in_json(found: Any) -> tuple[str, ...]:
    if isinstance(found, list) and all(isinstance(name, str) for name in found):
        return tuple(found)
    if not isinstance(found, dict) or not found:
        raise TypeError("neither a list of names nor a mapping")
    by_index = dict(_indexed(found))
    if len(by_index) < len(found) or not 0 <= min(by_index) <= max(by_index) < _LARGEST:
        raise TypeError("an index stands there twice, or is out of range")
    return tuple(by_index.get(k, str(k)) for k in range(max(by_index) + 1))


def _indexed(found: dict[str, Any]) -> Iterator[tuple[int, str]]:
    """Index and name of each pair, whichever is the key."""
    for key, value in found.items():
        if isinstance(value, int) and not isinstance(value, bool):
            yield value, key
        elif isinstance(value, str) and key.isdecimal():
            yield int(key), value
        else:
            raise TypeError(f"{key!r}: {value!r} is no name with an index")
