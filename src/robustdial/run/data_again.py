"""The data of a run when it is opened again: is it what the network was trained on?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from robustdial.data import Data, load_to_measure, renumbered
from robustdial.run.assembly import data_facts
from robustdial.run.places import data_of, reading_of
from robustdial.run.settings import Run
from robustdial.run.strangers import notes_on_strangers
from robustdial.typing import Json

_DIVISION = ("train", "val", "test", "labels")
"""What tells whether the same images are in the same parts."""
_OTHERS = (
    "Measured on images that are not those of the run's data: if the network has learned from some of them, its "
    "accuracy is too high."
)
_SAME = ("classes", "shape", "mean", "std", "unlabelled", "extra", *_DIVISION)


def data_at(place: str, run: Run, about: Mapping[str, Json]) -> Data:
    """What measures a run at another place, read as the run reads its own data, labelled as its network is.

    The run's own data, moved, keeps its parts, and so do other images that come with a test part. Of images without
    one, what `load_to_measure` takes is the test part: nobody has learned from them, so nothing is held out.

    Raises as `load`.
    """
    divided = _divided(replace(run, data=place), about["data"]["classes"])
    if divided is not None and is_same(divided, about):
        return divided
    found, part = load_to_measure(place, **reading_of(run))
    if divided is not None and len(divided.test) == len(found.test):
        return divided
    if part == "val":
        found = replace(found, test=found.val, val=found.test)
    return renumbered(found, about["data"]["classes"])


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
    changed = _changed(seen, about, _SAME)
    if changed:
        raise ValueError(
            f"The data {about['data']['name']} has changed since the run in {folder} began ({', '.join(changed)}). Put "
            "it back, or start a new run."
        )


def check_division(data: Data, about: Mapping[str, Json], folder: Path) -> None:
    """Raises ValueError if the run's own data is no longer divided as it was, so that it may be measured on images that
    it has learned from.
    """
    changed = _changed(data_facts(data), about, _DIVISION)
    if changed:
        raise ValueError(
            f"The data {about['data']['name']} has changed since the run in {folder} began ({', '.join(changed)}): "
            "images that it has learned from may be among those to measure. Put it back, or name other images with "
            "--data."
        )


def measured_on(data: Data, about: Mapping[str, Json], place: str | None) -> Data:
    """Data by the name that it goes by, with a note if the network may have learned from what is measured.

    Mean and standard deviation are those of the training: the network brings them. The note, which is published with
    what was measured, does not say where the data lies.
    """
    before = about["data"]
    notes = (*data.notes, *notes_on_strangers(about))
    data = replace(data, mean=tuple(before["mean"]), std=tuple(before["std"]), notes=notes)
    if is_same(data, about):
        return replace(data, name=place or before["name"])
    return replace(data, name=place or data.name, notes=(*data.notes, _OTHERS))


def is_same(data: Data, about: Mapping[str, Json]) -> bool:
    """Whether data has the images of a run's data in the same parts, as far as these are told apart."""
    return not _changed(data_facts(data), about, _DIVISION)


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


def _divided(run: Run, classes: list[str]) -> Data | None:
    """The data of a run with these settings; None if it has other classes, or too few images to be divided."""
    try:
        return data_of(run, classes)
    except ValueError:
        return None


def _changed(seen: Mapping[str, Json], about: Mapping[str, Json], keys: Iterable[str]) -> list[str]:
    """What is no longer as a run has it; a run of an earlier version does not say everything."""
    before = about["data"]
    return [key for key in keys if key in before and seen.get(key) != before[key]]


def _sides(shape: Json) -> str:
    return " x ".join(map(str, shape))
