"""A run is started, continued, or opened to be measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from robustdial import record
from robustdial.checkpoint import load_weights, unpack
from robustdial.data import Data
from robustdial.learner import AWP
from robustdial.method import describe
from robustdial.objective import Distilled, GradAlign, Smoothed
from robustdial.precision import Prepared, resolve
from robustdial.provenance import provenance
from robustdial.rate import parse
from robustdial.recipes import recipe
from robustdial.run.experiment import Experiment
from robustdial.run.network import best_weights, model_of
from robustdial.run.others import ask, check_start, check_teacher, kept_guesses, learned_from, masked, teach
from robustdial.run.settings import CHANGEABLE, Run, data_of, device_of, run_of
from robustdial.schedule import Warm
from robustdial.threat import settled
from robustdial.train import PLAIN, TrainState, averaged, optimizer_for
from robustdial.typing import Json


def start(name: str, knobs: Mapping[str, Any], run: Run, data: Data | None = None) -> Experiment:
    """A new run in `run.out`, on `data` if it is loaded already (`data_of(run)`).

    Raises ValueError before anything is written if an argument is wrong.
    """
    folder = Path(run.out)
    record.check_free(folder)
    experiment = _assemble(folder, name, knobs, run, data)
    labels = kept_guesses(experiment)
    ask(experiment)
    record.create(folder, record.RUN, experiment.about)
    teach(experiment, labels)
    return experiment


def rehearse(name: str, knobs: Mapping[str, Any], run: Run, data: Data | None = None, *, others: bool = True) -> None:
    """Put a run together and drop it. Raises ValueError if its data, network or device cannot be had.

    Args:
        name, knobs, run, data: of the run.
        others: whether the runs that it starts from, and is taught by, are there already.
    """
    _assemble(Path(run.out), name, knobs, run, data, others=others)


def resume(folder: Path, changes: Mapping[str, Any] | None = None, data: Data | None = None) -> Experiment:
    """The run in `folder`, where its last checkpoint left it.

    Args:
        folder: of the run.
        changes: what to go on with instead, of `CHANGEABLE`; the end may then no longer be the same to the bit.
        data: the run's data, if it is loaded already.

    Raises:
        ValueError: a damaged checkpoint, or data that has changed since.
    """
    about = record.read_run(folder)
    saved = record.read_tensors(folder / record.LAST) if (folder / record.LAST).exists() else None
    run = replace(run_of(about), **(changes or {}))
    experiment = _assemble(folder, about["recipe"], about["knobs"], run, data, fresh=saved is None)
    if experiment.about["data"] != about["data"]:
        raise ValueError(
            f"The data {run.data} has changed since the run in {folder} began. Put it back, or start a new run."
        )
    if experiment.about["method"]["threat"] != about["method"]["threat"]:
        raise ValueError(
            f"The adversary of the run in {folder} is another one now: its generator, or the network that makes its "
            "masks, has been trained further. Put it back, or start a new run."
        )
    experiment.about = about | {"run": about["run"] | {k: experiment.about["run"][k] for k in CHANGEABLE}}
    teach(experiment, kept_guesses(experiment))
    ask(experiment)
    if saved is not None:
        tensors, state = saved
        unpack(experiment.state, tensors, state)
        experiment.best = state["best"]
    record.keep_epochs(folder, experiment.state.epoch)
    experiment.troubles = record.mend_lines(folder / record.TROUBLES)
    if changes:
        record.write_json(folder / record.RUN, experiment.about)
    return experiment


def trained(folder: Path, device: str = "auto", data: Data | None = None) -> Experiment:
    """The run in `folder` with its best network, for measuring and serving."""
    about = record.read_run(folder)
    checkpoint, tensors = best_weights(folder)
    run = replace(run_of(about), device=device)
    experiment = _assemble(folder, about["recipe"], about["knobs"], run, data, fresh=False)
    experiment.about, experiment.checkpoint = about, checkpoint
    load_weights(experiment.state.model, tensors)
    experiment.state.average = None  # what was kept is the average already
    return experiment


def _assemble(
    folder: Path,
    name: str,
    knobs: Mapping[str, Any],
    run: Run,
    data: Data | None,
    *,
    fresh: bool = True,
    others: bool = True,
) -> Experiment:
    method = recipe(name)(**knobs)
    if run.compile and isinstance(method.objective, GradAlign):
        raise ValueError("Gradient alignment needs second derivatives, which torch.compile lacks. Drop --compile.")
    if run.label_smoothing:
        method = replace(method, objective=Smoothed(method.objective, run.label_smoothing))
    if run.distil:
        method = replace(method, objective=Distilled(method.objective, run.distil))
    device = device_of(run.device)
    precision = resolve(run.precision, device)
    data = learned_from(name, method, run, data or data_of(run))
    seen = seen_of(data)
    method = masked(method, data, device, fresh=fresh)
    if fresh:
        settled(method.threat, torch.zeros(1, *data.shape, device=device))  # what it opens is there, and fits
    if run.start and fresh and others:
        check_start(Path(run.start), run)
    if run.teacher and fresh and others and (data.unlabelled is not None or run.distil):
        check_teacher(Path(run.teacher), run, data)
    if isinstance(method.schedule, Warm) and method.schedule.share and run.epochs == 1:
        raise ValueError("One epoch is all warm part: no adversary would come. Give --epochs 2 or more, or --warm 0.")
    torch.manual_seed(run.seed)
    # a network that a checkpoint will fill needs no weights to start from, nor what holds them
    spec = {"name": run.model, "width": run.model_width, "pretrained": run.pretrained and fresh}
    spec |= {"start": run.start if fresh and others else None}
    model = model_of(spec, seen, method).to(device)
    state = TrainState(
        model=model,
        optimizer=optimizer_for(model, run.lr, run.momentum, run.weight_decay),
        rate=parse(run.rate),
        lr=run.lr,
        seed=run.seed,
        forward=Prepared(model, precision, run.compile),
        average=averaged(model, run.ema) if run.ema else None,
        learner=AWP(run.awp) if run.awp else PLAIN,
    )
    about = {
        "name": folder.name,
        "recipe": name,
        "knobs": dict(knobs),
        "method": describe(method),
        "threat": method.threat.name,
        "data": seen,
        "model": {
            "name": run.model,
            "width": run.model_width,
            "pretrained": run.pretrained,
            "parameters": sum(weight.numel() for weight in model.parameters()),
        },
        "run": asdict(run) | {"precision": precision, "device": str(device)},
        **provenance(),
    }
    return Experiment(folder, about, run, method, data.to(device), state, best={})


def seen_of(data: Data) -> dict[str, Json]:
    return {
        "name": data.name,
        "classes": list(data.classes),
        "shape": list(data.shape),
        "mean": list(data.mean),
        "std": list(data.std),
        "train": len(data.train),
        "val": len(data.val),
        "test": len(data.test),
        "notes": list(data.notes),
        **({} if data.unlabelled is None else {"unlabelled": len(data.unlabelled)}),
    }
