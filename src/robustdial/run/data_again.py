"""The data of a run when it is opened again: is it what the network was trained on?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from robustdial.data import Data
from robustdial.run.assembly import labels_of
from robustdial.typing import Json

_SAME = ("classes", "shape", "mean", "std", "train", "val", "test", "unlabelled", "labels")


def check_fits(data: Data, about: Mapping[str, Json], folder: Path) -> None:
    """Raises ValueError if a network cannot answer these images: other classes, or another shape."""
    known, shape = about["data"]["classes"], about["data"]["shape"]
    if list(data.classes) != known:
        raise ValueError(
            f"{data.name} has the classes {', '.join(data.classes)}, the run in {folder} {', '.join(known)}. Give the "
            "same classes in the same order."
        )
    if list(data.shape) != shape:
        raise ValueError(
            f"{data.name} has images of {_sides(data.shape)}, the run in {folder} was trained on {_sides(shape)} "
            "(channels x height x width). Bring them to that size."
        )


def check_unchanged(seen: Mapping[str, Json], about: Mapping[str, Json], folder: Path) -> None:
    """Raises ValueError if a run would go on with other data than it began with."""
    before = about["data"]
    changed = [key for key in _SAME if key in before and seen.get(key) != before[key]]
    if changed:
        raise ValueError(
            f"The data {before['name']} has changed since the run in {folder} began ({', '.join(changed)}). Put it "
            "back, or start a new run."
        )


def measured_on(data: Data, about: Mapping[str, Json], place: str | None) -> Data:
    """Data by the name that it goes by, with a note if it is not the same as in the training."""
    before, name = about["data"], place or about["data"]["name"]
    if before.get("labels", now := labels_of(data)) == now:
        return replace(data, name=name)
    note = (
        f"{before['name']} has changed since the network was trained: its images are not the same."
        if place is None
        else f"{place} does not hold the same images as {before['name']}, which the network was trained on."
    )
    return replace(data, name=name, notes=(*data.notes, note))


@contextmanager
def moved_data(folder: Path, about: Mapping[str, Json], place: str | None) -> Iterator[None]:
    """Say what to do where the data of a run is no longer there."""
    try:
        yield
    except FileNotFoundError as error:
        kind, _, path = str(about["data"]["name"]).partition(":")
        if place is not None or not path:
            raise
        raise FileNotFoundError(
            f"{error} If the data of the run in {folder} has moved, say where it is now: --data {kind}:PATH"
        ) from None


def _sides(shape: Json) -> str:
    return " x ".join(map(str, shape))
