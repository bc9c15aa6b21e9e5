"""Parquet files as Hugging Face writes them: pictures encoded in a column, labels in another."""

from __future__ import annotations

import glob
from pathlib import Path
from typing import Any

from robustdial.data.complete import missing_files
from robustdial.data.divide import Raw
from robustdial.data.parts import PARTS, Part, part_of
from robustdial.data.reading import Reading
from robustdial.data.shown import check_text, few, shown
from robustdial.data.soundness import rows_of, unreadable
from robustdial.data.table import library, quietly, raw


def read(place: str, reading: Reading) -> Raw:
    """The file `place`, or the files of the folder `place` that are called train, val, test or alike.

    Every file is read on its own, for each may count its classes in an order of its own.

    Raises:
        FileNotFoundError: no such file or folder, or no training file in it.
        ValueError: a damaged file, or columns that are not one of pictures and one of labels.
    """
    name = f"parquet:{shown(place)}"
    check_text(place, "The file or folder")
    files, notes = _files(Path(place).expanduser())
    datasets = library(name)
    filled = {part: [file for file in files[part] if rows_of(file)] for part in PARTS if part in files}
    for part, there in filled.items():
        if not there:
            raise ValueError(f"The {part} part of {name} has no rows. Add some, or take its files out.")
    told = missing_files(file for there in files.values() for file in there)
    with quietly(datasets):
        parts = {part: [_table(datasets, file) for file in there] for part, there in filled.items()}
        return raw(name, parts, reading, (*notes, *told))


def _table(datasets: Any, file: Path) -> Any:
    try:
        return datasets.Dataset.from_parquet(glob.escape(str(file)))
    except Exception as error:  # what `datasets` wrote into the file may be damaged, too: any of its errors may come
        raise unreadable(file) from error


def _files(path: Path) -> tuple[dict[Part, list[Path]], tuple[str, ...]]:
    """The files of each part, and a note of those of none."""
    if path.is_file():
        return {"train": [path]}, ()
    if not path.is_dir():
        raise FileNotFoundError(f"There is no file or folder {path}. Give a parquet file, or a folder of them.")
    parts: dict[Part, list[Path]] = {}
    others = []
    for file in sorted(path.rglob("*")):
        place = file.relative_to(path)
        if file.suffix.lower() != ".parquet" or any(word.startswith(".") for word in place.parts) or not file.is_file():
            continue
        part = part_of(place)
        if part is None:
            others.append(str(place))
        else:
            parts.setdefault(part, []).append(file)
    if not parts:
        raise FileNotFoundError(
            f"There is no train*.parquet in {path}. Name the files train*.parquet, val*.parquet and test*.parquet."
        )
    return parts, ((f"Left out, of no part by its name: {few(others)}.",) if others else ())
