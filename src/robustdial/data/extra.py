"""Labelled images beside the training set, such as generated ones: a share of every batch is theirs."""

from __future__ import annotations

from dataclasses import replace

from robustdial.data.base import Data, Extra, Source
from robustdial.data.checks import check_labels
from robustdial.data.classes import numbers_of
from robustdial.data.divide import Pool, Raw
from robustdial.data.stream import RESIDENT_BYTES, Stream, told
from robustdial.data.unlabelled import Relabelled


def with_extra(data: Data, name: str, raw: Raw, share: float, workers: int | None = None) -> Data:
    """Data of whose batches a share is training images of `raw`, a set called `name`, labelled as those of `data`.

    They are read from where they lie whenever they are needed; `workers=0` takes them into memory.

    Raises:
        ValueError: images of another shape, other classes, a label that names none, no images, or `share` outside
            (0, 1).
    """
    check_labels(raw.train.labels, raw.classes, "extra")
    if raw.train.shape != data.shape:
        raise ValueError(
            f"The extra images of {name} are {raw.train.shape}, those of {data.name} {data.shape}. Bring them to one "
            "number of channels, height and width; one --size for both does the last two."
        )
    numbers, notes = numbers_of(raw.classes, data.classes, name)
    images = _streamed(raw.train, workers)
    said = f"{len(images):,} extra images are {100 * share:g} % of every batch."
    notes = (*data.notes, said, *(f"Extra images: {note}" for note in (*raw.notes, *notes)), *told({"extra": images}))
    return replace(data, extra=Extra(Relabelled(images, numbers[raw.train.labels]), share), notes=notes)


def _streamed(pool: Pool, workers: int | None) -> Source:
    """Never in memory as a whole, unless that is asked for; small pictures need no process to decode them."""
    small = isinstance(pool, Stream) and pool.bytes < RESIDENT_BYTES
    return pool if small and workers is None else pool.settle(workers)
