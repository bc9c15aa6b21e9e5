"""Classes by name: their order, and the labels of one part in the order of another."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence

import torch
from torch import Tensor

from robustdial.data.shown import few, shown

_UNLABELLED = frozenset(f"{word}{what}" for word in ("unlabelled", "unlabeled") for what in ("", "data", "images"))
_MISSING = frozenset(("nan", "-nan", "<na>", "n/a", "#n/a", "#na", "null", "NA", "None", "?"))
"""Words for a missing value, most of them as pandas reads them."""


def in_order(names: Iterable[str]) -> tuple[str, ...]:
    """Names of classes in their order: as numbers if all are numbers, else by the alphabet.

    >>> in_order({"10", "9", "007"}), in_order({"10.0", "2.0"}), in_order({"b", "a", "10", "9"})
    (('007', '9', '10'), ('2.0', '10.0'), ('10', '9', 'a', 'b'))
    """
    known = sorted(set(names))
    numbers = {name: _number(name) for name in known}
    if None not in numbers.values():
        known.sort(key=lambda name: numbers[name] or 0)
    return tuple(known)


def check_distinct(names: Sequence[str]) -> tuple[str, ...]:
    """Notes of classes that may be one, written in two ways (in capitals, or the same number), or several at once.

    Raises:
        ValueError: two cannot be told apart on a page, for they differ in blanks or in how an accent is encoded.

    >>> check_distinct(("Cat", "cat", "dog"))
    ('Kept apart, but perhaps the same class: Cat and cat.',)
    >>> check_distinct(("cat", "cat,dog", "dog"))
    ('Taken as classes of their own, but perhaps several at once: cat,dog.',)
    """
    if alike := _alike(names, same_to_a_reader):
        told = " and ".join(name.encode("unicode_escape").decode() for name in alike[0])
        raise ValueError(
            f"Two classes look the same, '{told}': they differ in blanks or in how an accent is encoded. Give both one "
            "name."
        )
    pairs = _alike(names, lambda name: name.casefold() if _number(name) is None else _number(name))
    notes = [f"Kept apart, but perhaps the same class: {few([' and '.join(pair) for pair in pairs])}."] if pairs else []
    if several := [name for name in names if _is_several(name, frozenset(names))]:
        notes.append(f"Taken as classes of their own, but perhaps several at once: {few(several)}.")
    return tuple(notes)


def check_labelled(classes: Sequence[str]) -> None:
    """Raise a ValueError if a class is called as images without labels are.

    >>> check_labelled(("cat", "labelled"))
    """
    odd = [name for name in classes if "".join(filter(str.isalpha, name.lower())) in _UNLABELLED]
    if odd:
        raise ValueError(
            f"The class {shown(odd[0])} seems to hold images without labels. Take it out; as images to learn from "
            "beside the others, give it as --unlabelled folder:PATH (in Python unlabelled=)."
        )


def check_marks(classes: Sequence[str], column: str, where: str) -> None:
    """Raise a ValueError if a word in a column of labels is no class, but the mark of an image without a label.

    What pandas reads as missing; a question mark; -1 where all other numbers are 0 or more; 255 beside 0 to K-1.

    >>> check_marks(("1", "2", "255"), "label", "x.csv")
    """
    marks = [name for name in classes if name in _MISSING or name.lower() in _MISSING]
    marks += [str(number) for number in _marks_among([_whole(name) for name in classes])]
    if marks:
        raise ValueError(
            f"{where}: {shown(marks[0])} in the column {shown(column)} is often the mark of an unlabelled image. Take "
            "these rows out, or write another word."
        )


def _marks_among(numbers: Sequence[int | None]) -> list[int]:
    others = sorted(number for number in numbers if number is not None and number not in (-1, 255))
    if None in numbers or not others or others[0] < 0:
        return []
    counted = others == list(range(len(others))) and len(others) < 255
    return [number for number in numbers if number == -1 or (number == 255 and counted)]


def _is_several(name: str, classes: Collection[str]) -> bool:
    """Whether a name is made of those of other classes, as a cell of an image with several labels is."""
    words = [word for word in re.split(r"[\s,;|/+&]+", name) if word]
    return len(words) > 1 and all(word in classes for word in words)


def _whole(name: str) -> int | None:
    return int(name) if re.fullmatch(r"[+-]?[0-9]+", name) else None


def same_to_a_reader(name: str) -> str:
    """A name without what cannot be seen of it: blanks around it, and how its accents are encoded."""
    return " ".join(unicodedata.normalize("NFC", name).split())


def _alike(names: Sequence[str], key: Callable[[str], object]) -> list[list[str]]:
    """Names that have a key in common."""
    found: dict[object, list[str]] = defaultdict(list)
    for name in names:
        found[key(name)].append(name)
    return [each for each in found.values() if len(each) > 1]


def _number(name: str) -> float | None:
    """The finite number that a name is; whole ones as they are, however long."""
    if (whole := _whole(name)) is not None:
        return whole
    if re.fullmatch(r"[+-]?[0-9]+\.[0-9]+(e[+-]?[0-9]+)?", name) and math.isfinite(float(name)):
        return float(name)
    return None


def by_name(labels: Tensor, own: Sequence[str], classes: Sequence[str], where: str) -> Tensor:
    """Labels that count the names `own`, as labels that count `classes`; a label that names no class stays.

    Raises:
        ValueError: an image of `where` is of a class that `classes` does not hold.

    >>> by_name(torch.tensor([0, 1, 1]), ("dog", "cat"), ("cat", "dog"), "test").tolist()
    [1, 0, 0]
    """
    if list(own) == list(classes):
        return labels
    place = {name: k for k, name in enumerate(classes)}
    counted = (labels >= 0) & (labels < len(own))
    odd = [own[k] for k in sorted(set(labels[counted].tolist())) if own[k] not in place]
    if odd:
        raise ValueError(f"The {where} images are of classes that the training images are not: {few(odd)}.")
    into = torch.tensor([place.get(name, -1) for name in own], dtype=torch.int64)
    mapped = labels.clone()
    mapped[counted] = into[labels[counted]]
    return mapped
