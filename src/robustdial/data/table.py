"""Tables of Hugging Face `datasets` as images and labels."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from robustdial.data.checks import numbered, whole_labels
from robustdial.data.columns import Column, Kind, image_column, label_column
from robustdial.data.divide import Raw
from robustdial.data.gathered import gathered
from robustdial.data.naming import by_name, check_marks, in_order
from robustdial.data.part_column import check_no_parts
from robustdial.data.parts import PARTS, Part
from robustdial.data.picture import WHITE, Header, decode, header
from robustdial.data.reading import Colour, Reading
from robustdial.data.shown import check_text, shown


def library(name: str) -> Any:
    """The module `datasets`, imported when it is needed.

    Raises:
        ValueError: it is not installed.
    """
    try:
        import datasets
    except ImportError:
        raise ValueError(f"{name} needs the datasets library. Install it with: pip install 'robustdial[hf]'") from None
    return datasets


@contextmanager
def quietly(datasets: Any) -> Iterator[None]:
    """Without its progress bars."""
    silent = datasets.are_progress_bars_disabled()
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        if not silent:
            datasets.enable_progress_bars()


def raw(name: str, parts: Mapping[Part, Sequence[Any]], reading: Reading, notes: tuple[str, ...] = ()) -> Raw:
    """The images and labels of tables, several for each part.

    Labels are matched by the names of their classes: every table may count these in an order of its own.

    Args:
        name: of the set, for messages.
        parts: tables of type `datasets.Dataset`.
        reading: how they are to be read.
        notes: what is to be told already.

    Raises:
        ValueError: no unique column of images, or of labels; a column is missing in a table; labels without a name.
    """
    first = next(part for part in PARTS if part in parts)
    columns = _columns(parts[first][0], name)
    image = image_column(columns, reading.image, name)
    label, chosen = label_column([column for column in columns if column.name != image], reading.label, name)
    for tables in parts.values():
        for table in tables:
            _check_there(table, (image, label), name)
    for table in parts[first]:
        check_no_parts(
            _unused(table, columns, label), name, "Save each part as a file of its own, such as test.parquet"
        )
    cells = {part: Cells(tables, image, f"{name} ({part})", reading.colour) for part, tables in parts.items()}
    found = {part: [_Labels.of(table, label, part, name) for table in tables] for part, tables in parts.items()}
    _check_alike([each for tables in found.values() for each in tables], label, name)
    classes = _classes(found[first])
    labels = {part: torch.cat([each.counted(classes, part) for each in found[part]]) for part in parts}
    return gathered(classes, cells, labels, reading, (*notes, *chosen))


class Cells:
    """Images in a column, decoded one by one.

    Args:
        tables: of type `datasets.Dataset`, one after the other.
        column: of type `datasets.Image`, or of the bytes of images.
        name: of the set, for messages.
        background: what shows through the images.
    """

    def __init__(self, tables: Sequence[Any], column: str, name: str, background: Colour = WHITE) -> None:
        datasets = library(name)
        encoded = datasets.Image(decode=False)
        try:
            same = [table.select_columns(column).cast_column(column, encoded) for table in tables]
        except (ValueError, TypeError, RuntimeError, ArithmeticError, LookupError):
            raise ValueError(
                f"The column {shown(column)} of {name} holds no images. Name another with --image."
            ) from None
        self._cells = datasets.concatenate_datasets(same) if len(same) > 1 else same[0]
        self._column, self._name, self._background = column, name, background

    def __len__(self) -> int:
        return len(self._cells)

    def __getitem__(self, index: int) -> Image.Image:
        return decode(*self._cell(index), self._background)

    def header(self, index: int) -> Header:
        return header(*self._cell(index))

    def _cell(self, index: int) -> tuple[Any, str]:
        """The file, and what it is called in messages."""
        cell = self._cells[index][self._column]
        if cell is None or (cell["bytes"] is None and cell["path"] is None):
            raise ValueError(f"Row {index} of {self._name} has no picture. Take it out of the set.")
        file = io.BytesIO(cell["bytes"]) if cell["bytes"] is not None else cell["path"]
        return file, f"Row {index} of {self._name}, {shown(str(cell['path']))},"


class _Labels:
    """Labels of a table, and the names that they count; None where numbers have no names.

    Args:
        values: int64 `[N]`.
        names: of classes.
        words: whether the table holds these, and no numbers.
    """

    def __init__(self, values: Tensor, names: tuple[str, ...] | None, *, words: bool = False) -> None:
        self.values, self.names, self.words = values, names, words

    @staticmethod
    def of(table: Any, column: str, part: Part, name: str) -> _Labels:
        """The labels in a column. Raises ValueError if it holds none."""
        kind = table.features[column]
        if isinstance(kind, library(name).ClassLabel):
            return _Labels(_numbers(table, column, part), tuple(kind.names))
        if getattr(kind, "dtype", None) in ("string", "large_string", "bool"):
            words = [None if word is None else str(word).strip() for word in table[column]]
            names = in_order(word for word in words if word)
            for word in names:
                check_text(word, "The class")
            check_marks(names, column, f"{name} ({part})")
            empty = next((row for row, word in enumerate(words) if not word), None)
            if empty is not None:
                raise ValueError(f"Row {empty} of {name} ({part}) has no label. Fill it in, or take the row out.")
            number = {word: k for k, word in enumerate(names)}
            return _Labels(torch.tensor([number[str(word)] for word in words], dtype=torch.int64), names, words=True)
        return _Labels(_numbers(table, column, part), None)

    def counted(self, classes: tuple[str, ...], part: Part) -> Tensor:
        """The labels as numbers of `classes`."""
        return self.values if self.names is None else by_name(self.values, self.names, classes, part)


def _numbers(table: Any, column: str, part: Part) -> Tensor:
    values = table.select_columns(column).with_format("numpy")[:][column]
    empty = next((row for row, value in enumerate(table[column]) if value is None), None)
    if empty is not None:
        raise ValueError(f"Row {empty} of the {part} part has no label. Fill it in, or take the row out.")
    try:
        return whole_labels(torch.as_tensor(values), part)
    except TypeError:
        raise ValueError(
            f"The column {shown(column)} of the {part} part holds neither numbers nor words. Name another with --label."
        ) from None


def _check_alike(found: Sequence[_Labels], label: str, name: str) -> None:
    """Raise a ValueError where some tables hold words and others plain numbers: nobody has said which is which."""
    if any(each.words for each in found) and any(each.names is None for each in found):
        raise ValueError(
            f"{name}: the column {shown(label)} holds words in one file and numbers in another. Write words in all."
        )


def _unused(table: Any, columns: Sequence[Column], label: str) -> dict[str, set[str]]:
    """The different words of the columns of few that are not the labels."""
    few = [each.name for each in columns if each.kind == "text" and each.may_be_labels and each.name != label]
    return {name: set(map(str, table.unique(name))) for name in few if name in table.features}


def _classes(found: Sequence[_Labels]) -> tuple[str, ...]:
    """The names of the classes: those of the first table and what others add, or numbers."""
    named = [each.names for each in found if each.names is not None]
    if not named:
        return numbered(torch.cat([each.values for each in found]))
    together = dict.fromkeys(name for names in named for name in names)
    return named[0] if set(named[0]) == set(together) else in_order(together)


def _check_there(table: Any, columns: Sequence[str], name: str) -> None:
    missing = [column for column in columns if column not in table.features]
    if missing:
        raise ValueError(
            f"{name}: a part has no column {shown(missing[0])} ({', '.join(map(shown, table.features))}). Save all "
            "parts with the same columns."
        )


def _columns(table: Any, name: str) -> list[Column]:
    return [_column(table, column, kind, name) for column, kind in table.features.items()]


def _column(table: Any, column: str, feature: Any, name: str) -> Column:
    datasets = library(name)
    if isinstance(feature, datasets.Image):
        return Column(column, "image")
    if isinstance(feature, datasets.ClassLabel):
        return Column(column, "classes")
    kind = _kind(feature)
    values = len(table.unique(column)) if kind == "text" else 0
    return Column(column, kind, values, len(table))


def _kind(feature: Any) -> Kind:
    if isinstance(feature, Mapping):
        return "encoded" if "bytes" in feature else "other"
    dtype = str(getattr(feature, "dtype", ""))
    if dtype in ("string", "large_string", "bool"):
        return "text"
    if dtype in ("binary", "large_binary"):
        return "encoded"
    return "numbers" if dtype.startswith(("int", "uint")) else "other"
