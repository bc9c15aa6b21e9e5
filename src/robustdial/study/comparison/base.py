"""What is compared, and where it is written."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, get_args

from robustdial import record
from robustdial.attack import Attack, check_supports, parse
from robustdial.checks import SEEDS
from robustdial.method.threat import Threat
from robustdial.recipes import Norm, recipe, threat_of
from robustdial.run import Run, relocated, unknown
from robustdial.study.evaluation import EXTRAS
from robustdial.study.tradeoff import attacked_with

_MOST = 10_000  # runs per method: each has a folder, and its place in every table
_REMEDY = "Put a copy of it back, or compare into a new folder."


class Entry(NamedTuple):
    """One line of a comparison: a recipe with its knobs, and the name it goes by."""

    label: str
    recipe: str
    knobs: dict[str, Any]


@dataclass(frozen=True)
class SharedStart:
    """A standard training before every method, once for each seed.

    Args:
        epochs: of it.
        distil: share of each label that is its answer, for the methods that follow.
    """

    epochs: int
    distil: float

    def __post_init__(self) -> None:
        if self.epochs < 1:
            raise ValueError(f"--first {self.epochs} is no number of epochs. Give 1 or more, or leave it out.")
        if not 0 <= self.distil < 1:
            raise ValueError(f"--distil {self.distil:g} is not a share from 0 to below 1.")


@dataclass(frozen=True)
class Comparison:
    """What is compared, and how.

    Args:
        entries: the methods.
        run: the settings that all runs share; `out` is the folder of the comparison, `seed` the first seed.
        seeds: runs per method.
        attacks: names of the attacks that every network is measured with.
        n: class-balanced test images to measure on; None for all.
        threat: that every network is measured under; None for that of its own method.
        also: further parts of an evaluation, names of `study.evaluation.EXTRAS`.
        first: a standard training that all methods start from; None if each starts anew.
    """

    entries: tuple[Entry, ...]
    run: Run
    seeds: int = 1
    attacks: tuple[str, ...] = ("pgd-20", "cw-20")
    n: int | None = None
    threat: Threat | None = None
    also: tuple[str, ...] = ()
    first: SharedStart | None = None

    def __post_init__(self) -> None:
        methods = [(entry.recipe, entry.knobs) for entry in self.entries]
        twice = [entry.label for entry in self.entries if methods.count((entry.recipe, entry.knobs)) > 1]
        if not methods or twice:
            what = f"{twice[0]} stands there twice" if twice else "there is none"
            raise ValueError(
                f"A comparison needs different methods, but {what}. Write for example: pgd-at free m-deat."
            )
        most = min(_MOST, SEEDS - self.run.seed)
        if not 1 <= self.seeds <= most:
            raise ValueError(
                f"--seeds {self.seeds} is no number of runs per method. Give 1 to {most:,}, and no seed beyond "
                "2**32 - 1."
            )
        if self.n is not None and self.n < 1:
            raise ValueError(f"--n {self.n}: give at least one image to measure on.")
        if self.first and (self.run.start or self.run.teacher):
            raise ValueError("--first trains the network that --start and --teacher would name. Leave these out.")
        if not self.attacks:
            raise ValueError("--attack: name at least one attack to measure with, for example pgd-20.")
        for attack in self.measured_with.values():
            if self.threat is not None:
                check_supports(attack, self.threat)
        for part in self.also:
            if part not in EXTRAS:
                raise ValueError(f"--also {part}: there is no such part. There are {', '.join(EXTRAS)}.")
        for entry in self.entries:
            recipe(entry.recipe)(**entry.knobs)  # raises ValueError if its knobs make no sense

    def check_attacks(self) -> None:
        """Raises ValueError if one attack is named twice, as earlier versions allowed."""
        made = [json.dumps(attacked_with(self.measured_with[text])) for text in self.attacks]
        alike = [text for text, one in zip(self.attacks, made, strict=True) if made.count(one) > 1]
        if alike:
            raise ValueError(f"--attack: {' and '.join(alike)} are the same attack. Name each once.")

    @cached_property
    def measured_with(self) -> dict[str, Attack]:
        """The attacks by the texts that name them. Raises as `parse`."""
        return {text: parse(text) for text in self.attacks}

    @property
    def folder(self) -> Path:
        """Where everything is written."""
        return Path(self.run.out)

    @property
    def all_seeds(self) -> range:
        """The seeds of each method's runs."""
        return range(self.run.seed, self.run.seed + self.seeds)

    def folder_of(self, entry: Entry, seed: int) -> Path:
        """The folder of one run."""
        return self.folder / f"{re.sub('[^a-zA-Z0-9.=_]', '-', entry.label)}-seed{seed}"


def reopen(folder: Path, device: str | None = None) -> Comparison:
    """The comparison in `folder`, to go on on another device if one is named.

    Raises FileNotFoundError if there is none, ValueError if its file is damaged.
    """
    path = folder / record.COMPARE
    if not path.is_file():
        raise FileNotFoundError(
            f"{folder} holds no comparison. Start one with: robustdial compare METHOD ... --out DIR"
        )
    about = record.read_json(path, _REMEDY, record.BEGUN_COMPARISON)
    wrong = [unknown(row["recipe"], row["knobs"], about["asked"]) for row in about["entries"]]
    if any(wrong):
        raise ValueError(f"{path} is damaged ({next(filter(None, wrong))}). {_REMEDY}")
    entries = tuple(Entry(row["label"], row["recipe"], row["knobs"]) for row in about["entries"])
    known = {field.name for field in fields(Run)}
    run = Run(**{name: value for name, value in about["asked"].items() if name in known} | {"out": str(folder)})
    run = replace(relocated(run, about.get("places", {})), device=device or run.device)
    norm = about.get("threat", "").lower()
    threat = threat_of(norm, about["eps"]) if norm in get_args(Norm) and "eps" in about else None
    also = tuple(about.get("also", ()))
    first = SharedStart(**about["first"]) if about.get("first") else None
    seeds, attacks = len(about["seeds"]), tuple(about["attacks"])
    return Comparison(entries, run, seeds, attacks, about["n_asked"], threat, also, first)
