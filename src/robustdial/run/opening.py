"""A run is started, continued, or opened to be measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from robustdial import record
from robustdial.data import Data, check_varied
from robustdial.distributed import ALONE, World
from robustdial.own_code import lost
from robustdial.run.about import read_about, run_of
from robustdial.run.alike import check_alike
from robustdial.run.assembly import Parts, assembled, check_adversary, network, parts_of, parts_to_measure
from robustdial.run.borrowed import attach_pseudo_labels, attach_teacher, check_others, pseudo_labels_of, relabelled
from robustdial.run.compiling import decide
from robustdial.run.data_again import check_division, check_fits, check_unchanged, data_at, measured_on, moved_data
from robustdial.run.experiment import Experiment
from robustdial.run.network import best_weights, untrained
from robustdial.run.places import data_of, relocated
from robustdial.run.rehearsal import check_step, make_graphs
from robustdial.run.settings import CHANGEABLE, Run
from robustdial.run.strangers import is_stranger
from robustdial.run.troubles import known_troubles
from robustdial.training.checkpoint import load_weights, unpack
from robustdial.typing import Json


def start(name: str, knobs: Mapping[str, Any], run: Run, data: Data | None = None, world: World = ALONE) -> Experiment:
    """A new run in `run.out`, on `data` if it is loaded already (`data_of(run)`), by the processes of `world`.

    Raises ValueError before anything is written if an argument is wrong.
    """
    folder = Path(run.out)
    record.check_free(folder, record.RUN)
    experiment = _begun(folder, _checked(name, knobs, run, data, world))
    labels = pseudo_labels_of(experiment)
    attach_teacher(experiment)
    check_step(replace(experiment, data=relabelled(experiment.data, labels)))
    check_alike(experiment)
    if run.compile == "auto":
        decide(experiment)
    world.once(lambda: experiment.create())
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


def rehearse_alone(name: str, knobs: Mapping[str, Any], run: Run, data: Data | None = None) -> Experiment:
    """`rehearse` a run before those are there that it starts from and is taught by."""
    experiment = put_together(name, knobs, run, data)
    check_step(experiment)
    return experiment


def put_together(name: str, knobs: Mapping[str, Any], run: Run, data: Data | None = None) -> Experiment:
    """A run without those that it starts from and is taught by: fresh weights, and a teacher that knows nothing.

    Nothing is written. Raises ValueError if its data, network or device cannot be had.
    """
    parts = parts_of(name, knobs, run, data)
    check_varied(parts.data)
    check_adversary(parts)
    alone = replace(run, start=None)
    experiment = assembled(Path(run.out), parts._replace(data=_as_if_labelled(parts.data)), network(parts, alone))
    classes = len(parts.data.classes)
    experiment.state.teacher = lambda x: x.new_zeros(len(x), classes)  # in the place of one that is still to come
    return experiment


def resume(
    folder: Path, changes: Mapping[str, Any] | None = None, data: Data | None = None, world: World = ALONE
) -> Experiment:
    """The run in `folder`, where its last checkpoint left it, on as many processes as are there now.

    Args:
        folder: of the run.
        changes: what to go on with instead, of `CHANGEABLE`; the end may then no longer be the same to the bit.
        data: the run's data, if it is loaded already.
        world: the processes.

    Raises:
        ValueError: a damaged file, data that has changed since, or another process trains there.
    """
    record.read_run(folder)
    held: list[record.Hold] = []
    world.once(lambda: held.append(record.opened(folder)))
    about = read_about(folder)
    if "published" in about:
        raise ValueError(
            f"{folder} is {about['published']}, which came without the state of its training. Train on from it: "
            f"--start {folder} with a new --out."
        )
    last, other = folder / record.LAST, f"Train on from the best network: --start {folder} with a new --out."
    saved = record.read_tensors(last, other) if last.exists() else None
    if saved is None and len(record.read_epochs(folder)) > 1:  # the first epoch is written before its checkpoint
        raise FileNotFoundError(f"{last} is gone, from which the training would go on. Put it back. {other}")
    decided = {"compile": about["compiled"]["yes"]} if "compiled" in about else {}
    run = relocated(replace(run_of(about), **decided, **(changes or {})), about.get("places", {}))
    parts = parts_of(about["recipe"], about["knobs"], run, data or data_of(run, about["data"]["classes"]), world)
    check_fits(parts.data, about, folder)
    experiment = _to_be_filled(folder, parts) if saved else _begun(folder, parts)
    check_unchanged(experiment.about["data"], about, folder)
    if experiment.about["method"]["threat"] != about["method"]["threat"]:
        raise ValueError(
            f"The adversary of the run in {folder} is another one now: its generator, or the network that makes its "
            "masks, has been trained further. Put it back, or start a new run."
        )
    experiment.hold = held[0] if held else None
    now = {"run": about["run"] | {k: experiment.about["run"][k] for k in CHANGEABLE}}
    experiment.about = about | now | {"processes": experiment.about["processes"]}
    attach_pseudo_labels(experiment, pseudo_labels_of(experiment))
    attach_teacher(experiment)
    if saved is not None:
        tensors, state = saved
        unpack(experiment.state, tensors, state)
        experiment.best = state.get("best", {})
    check_alike(experiment)
    if run.compile is True:
        make_graphs(experiment)
    noted = None if saved is None else saved[1].get("troubles")
    experiment.troubles = world.once(lambda: _mended(experiment, about, noted))
    return experiment


def _mended(experiment: Experiment, before: Mapping[str, Json], noted: int | None) -> list[dict[str, Json]]:
    """Bring the folder of a run to where its last checkpoint is; its troubles."""
    folder = experiment.folder
    record.keep_epochs(folder, experiment.state.epoch)
    record.read_training(folder)
    if experiment.about != before:
        record.write_json(folder / record.RUN, experiment.about)
    return known_troubles(folder, noted)


def trained(folder: Path, device: str = "auto", data: Data | None = None, *, place: str | None = None) -> Experiment:
    """The run in `folder` with its best network, for measuring and serving.

    Args:
        folder: of the run.
        device: where to measure.
        data: images to measure on, if they are loaded already.
        place: where they are, a name as for `load`, read as the run reads its own; by default where its data was.

    Raises:
        ValueError: the data has other classes, or images of another shape (in another order, labels are brought into
            that of the network, and a note of the data says so); or the run's own data has changed, and images that it
            was trained on might be measured.
        FileNotFoundError: the data is not there.
    """
    about = read_about(folder)
    record.sweep(folder)
    checkpoint, tensors = best_weights(folder)
    run = replace(relocated(run_of(about), about.get("places", {})), device=device, extra=None)
    if lost(run.augment or ""):
        run = replace(run, augment=None)  # which only training needs
    own = data is None and place is None and "published" not in about
    if data is None:
        with moved_data(folder, about, place):
            data = data_of(run, about["data"]["classes"]) if own else data_at(place or run.data, run, about)
    check_fits(data, about, folder)
    if own:
        check_division(data, about, folder)
    data = measured_on(data, about, place)
    parts = parts_to_measure(about["recipe"], about["knobs"], run, data)
    experiment = assembled(folder, parts, untrained(about).to(parts.device))
    strange = any(map(is_stranger, about["model"].get("parts", [])))
    experiment.about, experiment.checkpoint = about, record.GIVEN if strange else checkpoint
    load_weights(experiment.state.model, tensors)
    experiment.state.average = None  # what was kept is the average already
    return experiment


def _checked(name: str, knobs: Mapping[str, Any], run: Run, data: Data | None, world: World = ALONE) -> Parts:
    """The parts of a run that has not begun."""
    parts = parts_of(name, knobs, run, data, world)
    check_varied(parts.data)
    check_adversary(parts)
    check_others(parts.name, parts.method, parts.run, parts.data)
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
