"""Which column of a table holds the images, and which the labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from robustdial.data.shown import shown

Kind = Literal["image", "encoded", "classes", "text", "numbers", "other"]

MOST_WORDS = 1000
"""Different words of a column that may still be names of classes."""


CALLED_LABEL = ("label", "labels")
_CALLED_ALIKE = ("class", "classes", "category", "categories", "target", "targets")


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Args:
        name: of it.
        kind: image (declared as such), encoded (bytes that may be an image), classes (numbers with names), text, whole
            numbers, or anything else.
        values: how many different ones there are; 0 where nobody has counted.
        rows: how many there are.
    """

    name: str
    kind: Kind
    values: int = 0
    rows: int = 0

    @property
    def may_be_labels(self) -> bool:
        """Classes, whole numbers, or few different words."""
        few = 2 <= self.values <= min(MOST_WORDS, self.rows // 2)
        return self.kind in ("classes", "numbers") or (self.kind == "text" and few)


def image_column(columns: Sequence[Column], asked: str | None, where: str) -> str:
    """The column of the images: the one that is asked for, or the only one there is.

    Raises ValueError, with the candidates, if there is no such column, none, or several.
    """
    if asked is not None:
        return _asked(columns, asked, "image", where)
    declared = [column for column in columns if column.kind == "image"]
    found = declared or [column for column in columns if column.kind == "encoded"]
    return _only(found, columns, "images", "image", where)


def label_column(columns: Sequence[Column], asked: str | None, where: str) -> tuple[str, tuple[str, ...]]:
    """The column of the labels, and a note if others might have been it.

    The one that is asked for; one called label, then class, category or target; the only one of classes; the only one
    of few words; the only one of whole numbers. Raises ValueError, with the candidates, if there is no such column,
    none, or several.
    """
    if asked is not None:
        return _asked(columns, asked, "label", where), ()
    chosen = _labels_among(columns, where)
    others = [column.name for column in columns if column.may_be_labels and column.name != chosen]
    note = f"Labels are the column {shown(chosen)}; not used: {', '.join(map(shown, others))}."
    return chosen, (note,) if others else ()


def _labels_among(columns: Sequence[Column], where: str) -> str:
    called = [column for column in columns if column.name.strip().lower() in CALLED_LABEL]
    if len(called) == 1:
        return called[0].name
    possible = [column for column in columns if column.may_be_labels]
    alike = [column for column in possible if column.name.strip().lower() in _CALLED_ALIKE]
    candidates = called or alike or possible
    for kind in ("classes", "text", "numbers"):
        found = [column for column in candidates if column.kind == kind]
        if found:
            return _only(found, columns, "labels", "label", where)
    return _only(candidates, columns, "labels", "label", where)


def _asked(columns: Sequence[Column], asked: str, flag: str, where: str) -> str:
    names = [column.name for column in columns]
    if asked not in names:
        raise ValueError(f"{where} has no column {shown(asked)!r} for --{flag}. There are {_listed(names)}.")
    return asked


def _only(found: Sequence[Column], columns: Sequence[Column], what: str, flag: str, where: str) -> str:
    if len(found) == 1:
        return found[0].name
    number, names = ("several columns", found) if found else ("no column", columns)
    raise ValueError(
        f"{where} has {number} of {what}: {_listed([column.name for column in names])}. Name one with --{flag} COLUMN "
        f"(in Python {flag}=)."
    )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(shown, names))
