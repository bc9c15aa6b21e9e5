"""Data sets of the Hugging Face hub."""

from __future__ import annotations

from collections.abc import Iterable

from robustdial.data.divide import Raw
from robustdial.data.parts import PARTS, Part, part_called
from robustdial.data.reading import Reading
from robustdial.data.shown import few
from robustdial.data.table import library, quietly, raw


def read(place: str, reading: Reading) -> Raw:
    """The set `place`, for example uoft-cs/cifar10, downloaded into the cache of `datasets`.

    Raises:
        ConnectionError: it cannot be reached.
        ValueError: it cannot be read, has no split that is called train or test, or no unique columns of images and
            labels.
    """
    name = f"hf:{place}"
    datasets = library(name)
    with quietly(datasets):
        try:
            splits = datasets.load_dataset(place)
        except OSError as error:
            raise ConnectionError(
                f"{name} cannot be fetched ({_reason(error)}). Check the name, or be online."
            ) from error
        except (datasets.exceptions.DatasetsError, ValueError, RuntimeError) as error:
            raise ValueError(
                f"{name} cannot be read ({_reason(error)}). Save it as parquet and use parquet:PATH."
            ) from error
        parts = _parts(name, splits)
        left = [split for split in splits if split not in parts.values()]
        notes = (f"Splits that are not used: {few(left)}.",) if left else ()
        return raw(name, {part: [splits[split]] for part, split in parts.items()}, reading, notes)


def _parts(name: str, splits: Iterable[str]) -> dict[Part, str]:
    """The split of each part."""
    found: dict[Part, str] = {}
    for split in splits:
        part = part_called(split)
        if part in found:
            raise ValueError(f"{name} has two {part} parts, {found[part]} and {split}. Save one as parquet.")
        if part is not None:
            found[part] = split
    if "train" not in found:
        raise ValueError(f"{name} has no split 'train' ({', '.join(splits)}). Save it as parquet and use parquet:PATH.")
    return {part: found[part] for part in PARTS if part in found}


def _reason(error: Exception) -> str:
    return str(error).partition("\n")[0].rstrip(".") or type(error).__name__
