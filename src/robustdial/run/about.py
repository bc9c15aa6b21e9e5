"""`run.json` of a run: read, held against what this version knows, and turned into settings."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import fields
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType

from robustdial import record
from robustdial.own_code import digest_of, is_place, lost
from robustdial.recipes import RECIPES, UNTRAINED, recipe
from robustdial.recipes.composed import COMPOSED
from robustdial.run.settings import Run
from robustdial.typing import Json


def read_about(folder: Path) -> dict[str, Json]:
    """`run.json` of a run, with a recipe and settings that this version takes.

    Raises FileNotFoundError where there is none, ValueError, one line with the remedy, if it is damaged.
    """
    about = record.read_run(folder)
    wrong = record.fault(about, record.NETWORK) or unknown(about["recipe"], about["knobs"], about["run"])
    if wrong is not None:
        raise ValueError(f"{folder / record.RUN} {_unusable(about, wrong.rstrip('.'))}")
    for place, digest in about.get("own", {}).items():
        if not lost(place) and digest_of(place) != digest:  # who needs what is lost says so
            logging.getLogger("robustdial").warning(f"{place} has changed since the run in {folder} began.")
    return about


def _unusable(about: Mapping[str, Json], wrong: str) -> str:
    here = version("robustdial")
    theirs = about.get("versions", {}).get("robustdial", here)
    if theirs == here:
        return f"is damaged ({wrong}). {record.NEVER}"
    return f"was written by robustdial {theirs}, and this is {here} ({wrong}). Open it with that version."


def own_code_of(name: str, run: Run) -> dict[str, str]:
    """The places of the user's own code that a run depends on, with a digest of each file."""
    return {
        place: digest_of(place) for place in (name, run.model, run.augment or "", run.teacher or "") if is_place(place)
    }


def unknown(name: str, knobs: Mapping[str, Json], settings: Mapping[str, Json] = MappingProxyType({})) -> str | None:
    """What this version does not know of a recipe, its knobs and the settings of a run in a file, in words."""
    if name not in (*RECIPES, *UNTRAINED, COMPOSED) and not is_place(name):
        return f"there is no recipe {name}"
    wrong = record.settings_fault(knobs, recipe(name))
    if wrong is not None:
        return f"knobs of {name}: {wrong}"
    return record.settings_fault(settings, Run, strict=False) or _out_of_range(name, knobs, settings)


def _out_of_range(name: str, knobs: Mapping[str, Json], settings: Mapping[str, Json]) -> str | None:
    try:
        recipe(name)(**knobs)
        run_of({"run": settings})
    except ValueError as error:
        return str(error)
    return None


def run_of(about: Mapping[str, Json]) -> Run:
    """The settings of a `run.json`; what this version does not know is left out."""
    known = {field.name for field in fields(Run)}
    return Run(**{name: value for name, value in about["run"].items() if name in known})
