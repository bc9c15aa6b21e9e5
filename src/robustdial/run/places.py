"""Where the data of a run lies, here and where the run is opened again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from robustdial.data import Data, absolute, class_names, is_there, load
from robustdial.run.settings import Run


def places_of(run: Run) -> dict[str, str]:
    """The settings that are paths to data, absolute, to find it from another directory."""
    named = {name: value for name in ("data", "unlabelled", "extra") if (value := getattr(run, name))}
    return {name: absolute(value) for name, value in named.items()} | {"root": str(Path(run.root).resolve())}


def relocated(run: Run, places: Mapping[str, str]) -> Run:
    """The settings of a run whose data is at `places`, if it is still there; as given, where that is the same place."""
    here = places_of(run)
    moved = {name: place for name, place in places.items() if here.get(name) != place}
    there: dict[str, Any] = {name: place for name, place in moved.items() if _exists(name, place)}
    return replace(run, **there)


def _exists(name: str, place: str) -> bool:
    return Path(place).exists() if name == "root" else is_there(place)


def data_of(run: Run, classes: Sequence[str] | None = None) -> Data:
    """The data set of a run, divided as its seed divides it; `classes` are the names a network knows already."""
    if classes is None and run.classes is not None:
        classes = class_names(run.classes)
    return load(
        run.data,
        limit=run.limit,
        val=run.val,
        seed=run.seed,
        labelled=run.labelled,
        unlabelled=run.unlabelled,
        classes=classes,
        extra=run.extra,
        extra_share=run.extra_share,
        **reading_of(run),
    )


def reading_of(run: Run) -> dict[str, Any]:
    """How the images of a run are read, wherever they lie: arguments of `load` and of `load_to_measure`."""
    alike = ("root", "label", "image", "background", "workers")
    return {name: getattr(run, name) for name in alike} | {"size": run.side}
