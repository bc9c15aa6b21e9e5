"""A standard training that every method of a comparison starts from, and is taught by: trained once for each seed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from robustdial.recipes import recipe
from robustdial.run import Run
from robustdial.study.comparison.base import Comparison, Entry

RECIPE, LABEL = "clean", "standard start"


@dataclass(frozen=True)
class Planned:
    """One run of a comparison: what it is called, what makes it, and its settings."""

    entry: Entry
    run: Run


def stages(comparison: Comparison, seed: int) -> list[list[Planned]]:
    """The runs of a seed: those of one stage train by turns, and a stage begins when the one before is finished."""
    methods = [Planned(entry, run_of(comparison, entry, seed)) for entry in comparison.entries]
    return [methods] if comparison.first is None else [[_start(comparison, seed)], methods]


def run_of(comparison: Comparison, entry: Entry, seed: int) -> Run:
    """The settings of a method's run; with a shared start, it begins there and half of each label is its answer.

    Methods that ask a teacher by themselves, or for the labels of unlabelled images, ask it for nothing else.
    """
    run = replace(comparison.run, seed=seed, out=str(comparison.folder_of(entry, seed)))
    first = comparison.first
    if first is None:
        return run
    source = recipe(entry.recipe)(**entry.knobs)
    distil = 0.0 if source.taught or run.label_smoothing else first.distil
    start = str(start_folder(comparison, seed))
    teacher = start if distil or source.taught else None
    return replace(run, pretrained=False, start=start, teacher=teacher, distil=distil)


def start_folder(comparison: Comparison, seed: int) -> Path:
    """Where the standard start of a seed is."""
    return comparison.folder / f"start-seed{seed}"


def _start(comparison: Comparison, seed: int) -> Planned:
    assert comparison.first is not None
    knobs = comparison.entries[0].knobs  # it has no adversary: radius and norm only say what it is measured under
    entry = Entry(LABEL, RECIPE, {name: knobs[name] for name in ("eps", "norm") if name in knobs})
    out = str(start_folder(comparison, seed))
    run = replace(comparison.run, seed=seed, epochs=comparison.first.epochs, distil=0.0, awp=0.0, out=out)
    return Planned(entry, run)
