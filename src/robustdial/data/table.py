"""Tables of Hugging Face `datasets`: which column holds the pictures, which the labels."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from robustdial.data.augment import customary
from robustdial.data.base import Shape
from robustdial.data.checks import numbered, whole_labels
from robustdial.data.divide import Raw
from robustdial.data.picture import common_shape, decode
from robustdial.data.stream import Stream


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


def raw(name: str, parts: Mapping[str, Any], size: int | None) -> Raw:
    """The pictures and labels of the tables "train" and, if it is there, "test".

    Raises:
        ValueError: not exactly one column of pictures and one of labels.
    """
    datasets = library(name)
    features = parts["train"].features
    image, label = _columns(name, features)
    pictures = {part: Cells(table, image, f"{name} ({part})") for part, table in parts.items()}
    labels = {part: _labels(table, label, part) for part, table in parts.items()}
    shape, notes = common_shape(pictures["train"], size)
    streams = {part: _stream(pictures[part], labels[part], shape) for part in parts}
    coded = isinstance(features[label], datasets.ClassLabel)
    classes = tuple(features[label].names) if coded else numbered(labels["train"])
    return Raw(classes, streams["train"], streams.get("test"), customary(shape), notes=notes)


class Cells:
    """Pictures in a column, decoded one by one.

    Args:
        table: a `datasets.Dataset`.
        column: of type `datasets.Image`.
        name: of the set, for messages.
    """

    def __init__(self, table: Any, column: str, name: str) -> None:
        encoded = library(name).Image(decode=False)
        self._cells, self._column, self._name = table.select_columns(column).cast_column(column, encoded), column, name

    def __len__(self) -> int:
        return len(self._cells)

    def __getitem__(self, index: int) -> Image.Image:
        cell = self._cells[index][self._column]
        if cell is None:
            raise ValueError(f"Row {index} of {self._name} has no picture. Take it out of the set.")
        file = io.BytesIO(cell["bytes"]) if cell["bytes"] is not None else cell["path"]
        return decode(file, f"Row {index} of {self._name}, {cell['path']},")


def _stream(cells: Cells, labels: Tensor, shape: Shape) -> Stream:
    return Stream(cells, torch.arange(len(cells)), labels, shape)


def _columns(name: str, features: Mapping[str, Any]) -> tuple[str, str]:
    datasets = library(name)
    pictures = [column for column, kind in features.items() if isinstance(kind, datasets.Image)]
    coded = [column for column, kind in features.items() if isinstance(kind, datasets.ClassLabel)]
    whole = [column for column, kind in features.items() if getattr(kind, "dtype", "").startswith(("int", "uint"))]
    return _only(pictures, "images (type Image)", name, features), _only(coded or whole, "labels", name, features)


def _only(found: list[str], what: str, name: str, features: Mapping[str, Any]) -> str:
    if len(found) != 1:
        columns = ", ".join(found or features)
        number = "several columns" if found else "no column"
        raise ValueError(f"{name} has {number} of {what}: {columns}. Save it with exactly one of them.")
    return found[0]


def _labels(table: Any, column: str, part: str) -> Tensor:
    values = table.select_columns(column).with_format("numpy")[:][column]
    return whole_labels(torch.tensor(values), part)
