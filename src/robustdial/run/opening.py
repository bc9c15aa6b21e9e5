"""A run is started, continued, or opened to be measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from robustdial import record
from robustdial.data import Data, check_varied
from robustdial.run.assembly import Parts, assembled, check_adversary, network, parts_of
from robustdial.run.borrowed import attach_pseudo_labels, attach_teacher, check_others, pseudo_labels_of, relabelled
from robustdial.run.experiment import Experiment
from robustdial.run.network import best_weights
from robustdial.run.rehearsal import check_step
from robustdial.run.settings import CHANGEABLE, Run, data_of, read_about, run_of
from robustdial.run.troubles import known_troubles
from robustdial.training.checkpoint import load_weights, unpack
from robustdial.typing import Json


def start(name: str, knobs: Mapping[str, Any], run: Run, data: Data | None = None) -> Experiment:
    """A new run in `run.out`, on `data` if it is loaded already (`data_of(run)`).

    Raises ValueError before anything is written if an argument is wrong.
    """
    folder = Path(run.out)
    record.check_free(folder)
    experiment = _begun(folder, _checked(name, knobs, run, data))
    labels = pseudo_labels_of(experiment)
    attach_teacher(experiment)
    check_step(replace(experiment, data=relabelled(experiment.data, labels)))
    experiment.hold = record.create(folder, record.RUN, experiment.about)
    attach_pseudo_labels(experiment, labels)
    return experiment


def rehearse(name: str, knobs: Mapping[str, Any], run: Run, data: Data | None = None) -> Experiment:
    """Put a run together and take one step on a copy; nothing is written.

    Raises ValueError if its data, network or device cannot be had, or the network cannot learn as the recipe asks.
    """
    experiment = _begun(Path(run.out), _checked(name, knobs, run, data))
    attach_teacher(experiment)
    experiment = replace(experiment, data=_as_if_labelled(experiment.data))
    check_step(experiment)
    return experiment


def rehearse_alone(name: str, knobs: Mapping[str, Any], run: Run) -> None:
    """`rehearse` a run before those are there that it starts from and is taught by."""
    parts = parts_of(name, knobs, run)
    check_varied(parts.data)
    check_adversary(parts)
    alone = replace(run, start=None)
    experiment = assembled(Path(run.out), parts._replace(data=_as_if_labelled(parts.data)), network(parts, alone))
    classes = len(parts.data.classes)
    experiment.state.teacher = lambda x: x.new_zeros(len(x), classes)  # in the place of one that is still to come
    check_step(experiment)


def resume(folder: Path, changes: Mapping[str, Any] | None = None, data: Data | None = None) -> Experiment:
    """The run in `folder`, where its last checkpoint left it.

    Args:
        folder: of the run.
        changes: what to go on with instead, of `CHANGEABLE`; the end may then no longer be the same to the bit.
        data: the run's data, if it is loaded already.

    Raises:
        ValueError: a damaged file, data that has changed since, or another process trains there.
    """
    record.read_run(folder)
    hold = record.opened(folder)
    about = read_about(folder)
    last, other = folder / record.LAST, f"Train on from the best network: --start {folder} with a new --out."
    saved = record.read_tensors(last, other) if last.exists() else None
    run = replace(run_of(about), **(changes or {}))
    parts = parts_of(about["recipe"], about["knobs"], run, data or data_of(run, about.get("directory")))
    experiment = _to_be_filled(folder, parts) if saved else _begun(folder, parts)
    if experiment.about["data"] != about["data"]:
        raise ValueError(
            f"The data {run.data} has changed since the run in {folder} began. Put it back, or start a new run."
        )
    if experiment.about["method"]["threat"] != about["method"]["threat"]:
        raise ValueError(
            f"The adversary of the run in {folder} is another one now: its generator, or the network that makes its "
            "masks, has been trained further. Put it back, or start a new run."
        )
    experiment.hold = hold
    experiment.about = about | {"run": about["run"] | {k: experiment.about["run"][k] for k in CHANGEABLE}}
    attach_pseudo_labels(experiment, pseudo_labels_of(experiment))
    attach_teacher(experiment)
    if saved is not None:
        tensors, state = saved
        unpack(experiment.state, tensors, state)
        experiment.best = state.get("best", {})
    record.keep_epochs(folder, experiment.state.epoch)
    record.read_training(folder)
    experiment.troubles = known_troubles(folder, None if saved is None else saved[1].get("troubles"))
    if changes:
        record.write_json(folder / record.RUN, experiment.about)
    return experiment


def trained(folder: Path, device: str = "auto", data: Data | None = None) -> Experiment:
    """The run in `folder` with its best network, for measuring and serving.

    Raises ValueError if its own data has changed: images to measure on might be such as it was trained on.
    """
    about = read_about(folder)
    record.sweep(folder)
    checkpoint, tensors = best_weights(folder)
    run = replace(run_of(about), device=device)
    own = data is None
    data = data or data_of(run, about.get("directory"))
    experiment = _to_be_filled(folder, parts_of(about["recipe"], about["knobs"], run, data))
    if own:
        _check_division(folder, experiment.about["data"], about["data"])
    experiment.about, experiment.checkpoint = about, checkpoint
    load_weights(experiment.state.model, tensors)
    experiment.state.average = None  # what was kept is the average already
    return experiment


def _check_division(folder: Path, now: Mapping[str, Json], then: Mapping[str, Json]) -> None:
    changed = [part for part in ("train", "val", "test") if now[part] != then.get(part, now[part])]
    if changed:
        told = ", ".join(f"{part} {then[part]:,} then and {now[part]:,} now" for part in changed)
        raise ValueError(
            f"The data {then['name']} has changed since the run in {folder} was trained, or is divided otherwise "
            f"({told}): images it was trained on may be among those to measure. Put it back, or train anew."
        )


def _checked(name: str, knobs: Mapping[str, Any], run: Run, data: Data | None) -> Parts:
    """The parts of a run that has not begun."""
    parts = parts_of(name, knobs, run, data)
    check_varied(parts.data)
    check_adversary(parts)
    check_others(parts.run, parts.data)
    return parts


def _as_if_labelled(data: Data) -> Data:
    """Unlabelled images with labels of some kind, before a teacher is asked."""
    return relabelled(data, None if data.unlabelled is None else torch.zeros(len(data.unlabelled), dtype=torch.int64))


def _begun(folder: Path, parts: Parts) -> Experiment:
    """A run at its first step."""
    return assembled(folder, parts, network(parts, parts.run))


def _to_be_filled(folder: Path, parts: Parts) -> Experiment:
    """A run whose weights a checkpoint will bring: it needs none to start from, nor what holds them."""
    return assembled(folder, parts, network(parts, replace(parts.run, start=None, pretrained=False)))
