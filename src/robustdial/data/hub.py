"""Data sets of the Hugging Face hub."""

from __future__ import annotations

from robustdial.data.divide import Raw
from robustdial.data.table import library, quietly, raw

TEST = ("test", "validation", "valid", "val")  # the first of these splits is the test set


def read(place: str, size: int | None) -> Raw:
    """The set `place`, for example uoft-cs/cifar10, downloaded into the cache of `datasets`.

    Raises:
        ConnectionError: it cannot be reached.
        ValueError: it cannot be read, has no split "train", or no unique columns of pictures and labels.
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
        if "train" not in splits:
            raise ValueError(
                f"{name} has no split 'train' ({', '.join(splits)}). Save it as parquet and use parquet:PATH."
            )
        test = next((split for split in TEST if split in splits), None)
        return raw(name, {"train": splits["train"]} | ({"test": splits[test]} if test else {}), size)


def _reason(error: Exception) -> str:
    return str(error).partition("\n")[0].rstrip(".") or type(error).__name__
