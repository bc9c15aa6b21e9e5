"""A CSV file of file names and labels, and perhaps of parts."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from pathlib import Path

import torch

from robustdial.data.columns import CALLED_LABEL, Column, Kind, image_column, label_column
from robustdial.data.divide import Raw
from robustdial.data.formats import format_of
from robustdial.data.gathered import gathered
from robustdial.data.naming import check_marks, in_order
from robustdial.data.nearby import near
from robustdial.data.part_column import check_no_parts, part_column
from robustdial.data.parts import PARTS, Part, part_called
from robustdial.data.picture import Files
from robustdial.data.reading import Reading
from robustdial.data.shown import check_text, few, shown

SPLIT = "split"
_CALLED_FILE = ("file", "filename", "file_name", "filepath", "file_path", "path", "image", "image_path", "img")
_SEPARATORS = ",;\t|"

Rows = list[dict[str, str]]


def read(place: str, reading: Reading) -> Raw:
    """The images that the file `place` names, relative to it, with their labels; its first line names the columns.

    A column called split, or one that holds names of parts alone, says which part a row belongs to.

    Raises:
        FileNotFoundError: no such file, or none of an image that it names.
        ValueError: it is no CSV, has no unique columns of files and labels, a row is incomplete, or a file is named
            twice.
    """
    path, name = Path(place).expanduser(), f"csv:{shown(place)}"
    check_text(place, "The file")
    names, rows = _rows(path, name)
    words = {column: {row[column] for row in rows} for column in names}
    split, told = _split({column: words[column] for column in names if column != reading.label}, name)
    columns = [_column(path.parent, column, rows) for column in names if column != split]
    image = image_column(columns, reading.image, name)
    label, notes = label_column([column for column in columns if column.name != image], reading.label, name)
    unused = {column: words[column] for column in names if column not in (image, label, split)}
    check_no_parts(unused, name, "Write train, val or test in it")
    _check_complete(rows, (image, label, *([split] if split else [])), name)
    paths = [os.path.join(path.parent, row[image]) for row in rows]
    _check_files(paths, rows, image, path.parent, name)
    classes = in_order(row[label] for row in rows)
    for word in classes:
        check_text(word, "The class")
    check_marks(classes, label, name)
    number = {word: k for k, word in enumerate(classes)}
    members = _members(rows, split, name)
    files = {part: Files([paths[row] for row in members[part]], reading.colour) for part in members}
    labels = {part: _tensor(rows, label, number, members[part]) for part in members}
    return gathered(classes, files, labels, reading, (*told, *notes))


def _rows(path: Path, name: str) -> tuple[list[str], Rows]:
    """The names of the columns, and the rows without blanks around their cells."""
    if not path.is_file():
        what = f"{shown(str(path))} is a folder" if path.is_dir() else f"There is no file {shown(str(path))}"
        raise FileNotFoundError(f"{what}. Give a CSV file of file names and labels.")
    _check_format(path, name)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            head = file.readline()
            file.seek(0)
            table = list(csv.reader(file, delimiter=max(_SEPARATORS, key=head.count), skipinitialspace=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{name} cannot be read as CSV in UTF-8 ({error}). Save it again as such.") from None
    lines = [[cell.strip() for cell in line] for line in table if any(cell.strip() for cell in line)]
    if len(lines) < 2:
        raise ValueError(f"{name} has no rows. Give a line with the names of the columns, then one line per image.")
    names, *rows = _without_row_numbers(lines)
    if len(set(names)) < len(names) or "" in names:
        raise ValueError(f"{name}: its first line does not give each column a name of its own. Add one.")
    files = [cell for cell in names if os.path.isfile(os.path.join(path.parent, cell))]
    if files:
        raise ValueError(f"{name}: its first line names a file: {shown(files[0])}. Put a line above: file,label.")
    _check_columns(names, rows, name)
    odd = [number for number, row in enumerate(rows, 2) if len(row) != len(names)]
    if odd:
        raise ValueError(
            f"{name}: line {odd[0]} has {len(rows[odd[0] - 2])} cells, and there are {len(names)} columns. Quote cells "
            "that hold a separator."
        )
    return names, [dict(zip(names, row, strict=True)) for row in rows]


def _check_columns(names: Sequence[str], rows: Sequence[Sequence[str]], name: str) -> None:
    """Raise a ValueError where the first line cannot be that of the names, or nothing separates the cells."""
    cells = {len(row) for row in rows}
    if len(cells) == 1 and len(names) not in cells:
        raise ValueError(
            f"{name}: its first line has {len(names)} cells ({few(names)}) and all others have {cells.pop()}. Let it "
            "name each column."
        )
    if len(names) == 1 and cells == {1}:
        raise ValueError(
            f"{name} has one column only, {shown(names[0])}. Give a column of files and one of labels, with a comma, a "
            "semicolon, a tab or | between them."
        )


def _check_format(path: Path, name: str) -> None:
    """Raise a ValueError for a file of another format, told by how it begins."""
    if (kind := format_of(path)) is not None:
        raise ValueError(f"{name} is no CSV but {kind}. Save it as CSV: a line of column names, then a line per image.")


def _without_row_numbers(lines: list[list[str]]) -> list[list[str]]:
    """The lines without a first column that has no name and counts them, which pandas writes by itself.

    >>> _without_row_numbers([["", "file"], ["0", "a.png"], ["1", "b.png"]])
    [['file'], ['a.png'], ['b.png']]
    """
    counted = [line[0] for line in lines] == ["", *map(str, range(len(lines) - 1))]
    return [line[1:] for line in lines] if counted else lines


def _split(columns: dict[str, set[str]], name: str) -> tuple[str | None, tuple[str, ...]]:
    """The column of the parts, and a note if its name does not say so."""
    called = next((column for column in columns if column.strip().lower() == SPLIT), None)
    if called is not None:
        return called, ()
    found = part_column(
        {column: words for column, words in columns.items() if column.lower() not in CALLED_LABEL}, name
    )
    return found, (f"Parts are those of the column {shown(found)}.",) if found else ()


def _column(folder: Path, name: str, rows: Rows) -> Column:
    values = {row[name] for row in rows}
    return Column(name, _kind(folder, name, rows[0][name], values), len(values), len(rows))


def _kind(folder: Path, name: str, first: str, values: set[str]) -> Kind:
    if name.strip().lower() in _CALLED_FILE or (first and os.path.isfile(os.path.join(folder, first))):
        return "image"
    try:
        [int(value) for value in values]
    except ValueError:
        return "text"
    return "numbers"


def _check_complete(rows: Rows, columns: Sequence[str], name: str) -> None:
    for number, row in enumerate(rows, 2):
        empty = [column for column in columns if not row[column]]
        if empty:
            raise ValueError(f"{name}: row {number} has no {shown(empty[0])}. Fill it in, or take the row out.")


def _check_files(paths: Sequence[str], rows: Rows, image: str, folder: Path, name: str) -> None:
    """Every file is there, and once: one that is in two parts, or of two classes, would be measured wrong."""
    missing = [row[image] for path, row in zip(paths, rows, strict=True) if not os.path.exists(path)]
    if missing:
        alike = near(missing[0], folder)
        there = f"; there is {few(alike)}" if alike else ""
        raise FileNotFoundError(
            f"{name}: {len(missing):,} of {len(paths):,} files are not there: {few(missing)}{there}. Names are "
            "relative to the CSV file, with their endings; --image COLUMN says which column holds them."
        )
    seen: set[str] = set()
    for path, row in zip(paths, rows, strict=True):
        if (place := os.path.normpath(path)) in seen:
            raise ValueError(f"{name} names {shown(row[image])} twice. Keep one of the rows.")
        seen.add(place)


def _members(rows: Rows, split: str | None, name: str) -> dict[Part, list[int]]:
    """The rows of each part."""
    if split is None:
        return {"train": list(range(len(rows)))}
    members: dict[Part, list[int]] = {}
    for number, row in enumerate(rows):
        part = part_called(row[split])
        if part is None:
            raise ValueError(
                f"{name}: row {number + 2} is of the part {shown(row[split])!r}, which is not known. Write train, val "
                "or test."
            )
        members.setdefault(part, []).append(number)
    return {part: members[part] for part in PARTS if part in members}


def _tensor(rows: Rows, label: str, number: dict[str, int], members: Sequence[int]) -> torch.Tensor:
    return torch.tensor([number[rows[row][label]] for row in members], dtype=torch.int64)
