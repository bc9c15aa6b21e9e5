"""Classes by name: their order, and the labels of one part in the order of another."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor

from robustdial.data.shown import few


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
    """A note of classes that may be one, written in two ways: they differ in capitals, or are the same number.

    Raises:
        ValueError: two cannot be told apart on a page, for they differ in blanks or in how an accent is encoded.

    >>> check_distinct(("Cat", "cat", "dog"))
    ('Kept apart, but perhaps the same class: Cat and cat.',)
    """
    if alike := _alike(names, same_to_a_reader):
        told = " and ".join(name.encode("unicode_escape").decode() for name in alike[0])
        raise ValueError(
            f"Two classes look the same, '{told}': they differ in blanks or in how an accent is encoded. Give both one "
            "name."
        )
    pairs = _alike(names, lambda name: name.casefold() if _number(name) is None else _number(name))
    return (f"Kept apart, but perhaps the same class: {few([' and '.join(pair) for pair in pairs])}.",) if pairs else ()


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
    if re.fullmatch(r"[+-]?[0-9]+", name):
        return int(name)
    if re.fullmatch(r"[+-]?[0-9]+\.[0-9]+", name) and math.isfinite(float(name)):
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
