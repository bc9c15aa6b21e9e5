"""Classes by name: their order, and the labels of one part in the order of another."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from robustdial.data.shown import few


def in_order(names: Iterable[str]) -> tuple[str, ...]:
    """Names of classes in their order: as numbers if all are whole numbers, else by the alphabet.

    >>> in_order({"10", "9", "007"}), in_order({"b", "a", "10", "9"})
    (('007', '9', '10'), ('10', '9', 'a', 'b'))
    """
    known = sorted(set(names))
    if all(re.fullmatch(r"[+-]?[0-9]+", name) for name in known):
        known.sort(key=int)
    return tuple(known)


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
