"""Parquet files as Hugging Face writes them: pictures encoded in a column, labels in another."""

from __future__ import annotations

from pathlib import Path

from robustdial.data.divide import Raw
from robustdial.data.table import library, quietly, raw


def read(place: str, size: int | None) -> Raw:
    """The file `place`, or the files train*.parquet and test*.parquet of the folder `place`.

    Raises:
        FileNotFoundError: no such file or folder, or no train*.parquet in it.
        ValueError: a damaged file, or columns that are not one of pictures and one of labels.
    """
    name = f"parquet:{place}"
    files = _files(Path(place).expanduser())
    datasets = library(name)
    with quietly(datasets):
        try:
            parts = datasets.load_dataset("parquet", data_files=files)
        except (datasets.exceptions.DatasetsError, ValueError, OSError) as error:
            listed = ", ".join(file for part in files.values() for file in part)
            raise ValueError(f"{listed} cannot be read as parquet. Is it damaged, or of another format?") from error
        return raw(name, parts, size)


def _files(path: Path) -> dict[str, list[str]]:
    if path.is_file():
        return {"train": [str(path)]}
    if not path.is_dir():
        raise FileNotFoundError(f"There is no file or folder {path}. Give a parquet file, or a folder of them.")
    parts = {part: sorted(str(file) for file in path.glob(f"{part}*.parquet")) for part in ("train", "test")}
    if not parts["train"]:
        raise FileNotFoundError(
            f"There is no train*.parquet in {path}. Name the files train*.parquet and test*.parquet."
        )
    return {part: files for part, files in parts.items() if files}
