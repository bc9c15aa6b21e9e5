"""What a run is made of, and how it is put together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from torch import nn

from robustdial import record
from robustdial.data import Data, Extra, mixing_of, to_learn_at, with_augment
from robustdial.distributed import ALONE, World, divide, synchronised
from robustdial.method import Method, describe
from robustdial.method.learner import AWP
from robustdial.method.objective import Distilled, GradAlign, Smoothed
from robustdial.method.schedule import Warm
from robustdial.method.threat import settled
from robustdial.precision import resolve
from robustdial.provenance import provenance
from robustdial.recipes import recipe
from robustdial.run.about import own_code_of
from robustdial.run.borrowed import check_background, data_for, with_mask_network
from robustdial.run.device import device_of
from robustdial.run.experiment import Experiment
from robustdial.run.network import model_of
from robustdial.run.places import data_of, places_of
from robustdial.run.settings import Run
from robustdial.training.batch import PLAIN
from robustdial.training.door import check_divides
from robustdial.training.engine import TrainState, averaged
from robustdial.training.growth import parse_growth
from robustdial.training.optimizer import optimizer_for
from robustdial.training.rate import Warmed, parse
from robustdial.training.recompute import called
from robustdial.typing import Json


class Parts(NamedTuple):
    """All that a run is made of but its network."""

    name: str
    """Of the recipe."""
    knobs: Mapping[str, Any]
    run: Run
    method: Method
    data: Data
    device: torch.device
    precision: Literal["float32", "bfloat16"]
    world: World


def parts_of(name: str, knobs: Mapping[str, Any], run: Run, data: Data | None = None, world: World = ALONE) -> Parts:
    """The parts of a run, on `data` if it is loaded already. Raises ValueError if they do not go together."""
    method = _method_of(name, knobs, run)
    return _parts(name, knobs, run, method, data_for(name, method, run, data or data_of(run)), world)


def parts_to_measure(name: str, knobs: Mapping[str, Any], run: Run, data: Data) -> Parts:
    """The parts of a run that is not trained here: without unlabelled images, and whoever labels them."""
    return _parts(name, knobs, run, _method_of(name, knobs, run), replace(data, unlabelled=None), ALONE)


def _parts(name: str, knobs: Mapping[str, Any], run: Run, method: Method, data: Data, world: World) -> Parts:
    device = device_of(run.device)
    data = data if run.augment is None else with_augment(data, run.augment)
    method = with_mask_network(method, data, device)
    images = len(data.train) + (len(data.unlabelled) if data.unlabelled else 0)
    check_divides(world.size, run.accumulate, min(run.batch, images))
    world = world.with_norms("synchronised" if run.sync_norm else "local")
    world = world.with_divided_weights() if run.shard_weights else world
    return Parts(name, knobs, run, method, data, device, resolve(run.precision, device), world)


def check_adversary(parts: Parts) -> None:
    """Raises ValueError if the adversary of a run that has not begun cannot move, or does not fit its images."""
    for side in parts.run.sides.sides if parts.run.sides else (None,):
        shape = to_learn_at(parts.data, side).shape
        settled(parts.method.threat, torch.zeros(1, *shape, device=parts.device))
    check_background(parts.method.threat, parts.data, parts.device)


def network(parts: Parts, run: Run) -> nn.Module:
    """The network of a run, with the weights that `run` says to begin with."""
    torch.manual_seed(run.seed)
    spec = {"name": run.model, "width": run.model_width, "pretrained": run.pretrained, "start": run.start}
    model = model_of(spec, data_facts(parts.data), parts.method)
    if not parts.world.divides:  # else it may not fit there whole
        model.to(parts.device)
    if parts.world.norms == "synchronised":
        synchronised(model, parts.world)
    return model


def assembled(folder: Path, parts: Parts, model: nn.Module) -> Experiment:
    """The run at its first step, with `model`, which is divided if the world divides weights."""
    run, world = parts.run, parts.world
    average = averaged(model, run.ema) if run.ema else None
    weights = record.fingerprint(model.state_dict()) if world.divides else None
    if world.divides:
        for network in (model, *([] if average is None else [average.module])):
            divide(network, parts.device, world.size)
    state = TrainState(
        model=model,
        optimizer=optimizer_for(model, run.lr, run.momentum, run.weight_decay, run.optimizer, run.layer_decay),
        rate=Warmed(parse(run.rate), run.warmup / run.epochs) if run.warmup else parse(run.rate),
        lr=run.lr,
        seed=run.seed,
        forward=called(model, parts.precision, run.compile is True, run.grad_checkpointing),
        average=average,
        learner=AWP(run.awp) if run.awp else PLAIN,
        world=world,
        accumulate=run.accumulate,
        clip=run.clip,
        mixing=mixing_of(run.mixup, run.cutmix),
        sides=run.sides,
        growth=parse_growth(run.eps_schedule),
    )
    about = about_of(folder, parts, model)
    return Experiment(folder, about, run, parts.method, parts.data.to(parts.device), state, best={}, weights=weights)


def _method_of(name: str, knobs: Mapping[str, Any], run: Run) -> Method:
    """The method of a recipe, with what the settings of the run add to it."""
    method = recipe(name)(**knobs)
    if knobs.get("steps", 1) < 1:
        raise ValueError(f"--steps {knobs['steps']} leaves the adversary no step. Give 1 or more, or train clean.")
    if run.compile is True and isinstance(method.objective, GradAlign):
        raise ValueError("Gradient alignment needs second derivatives, which torch.compile lacks. Drop --compile.")
    if run.shard_weights and isinstance(method.objective, GradAlign):
        raise ValueError(
            f"{name} asks for a second derivative, when divided weights are gone. Drop --shard-weights, or choose "
            "another recipe."
        )
    if run.grad_checkpointing and not method.dial.divisible:
        raise ValueError(
            f"A dial of kind {method.dial.name} takes weights of networks without calling these, and would take others "
            "when blocks are computed again. Drop --grad-checkpointing, or choose another --dial."
        )
    if run.shard_weights and not method.dial.divisible:
        raise ValueError(
            f"A dial of kind {method.dial.name} takes weights of networks without calling these, and divided ones are "
            "not there then. Drop --shard-weights, or choose another --dial."
        )
    if isinstance(method.schedule, Warm) and method.schedule.share and run.epochs == 1:
        raise ValueError("One epoch is all warm part: no adversary would come. Give --epochs 2 or more, or --warm 0.")
    parse_growth(run.eps_schedule).of(method, 1.0)  # is there a radius that could grow?
    if run.label_smoothing:
        method = replace(method, objective=Smoothed(method.objective, run.label_smoothing))
    if run.distil:
        method = replace(method, objective=Distilled(method.objective, run.distil))
    return method


def about_of(folder: Path, parts: Parts, model: nn.Module) -> dict[str, Json]:
    """What `run.json` holds."""
    run = parts.run
    return {
        "name": folder.name,
        "recipe": parts.name,
        "knobs": dict(parts.knobs),
        "method": describe(parts.method),
        "threat": parts.method.threat.name,
        "data": data_facts(parts.data),
        "places": dict(places_of(run)),
        "model": {
            "name": run.model,
            "width": run.model_width,
            "pretrained": run.pretrained,
            "parameters": sum(weight.numel() for weight in model.parameters()),
        },
        "run": asdict(run) | {"precision": parts.precision, "device": str(parts.device)},
        "processes": {"number": parts.world.size, "norms": parts.world.norms},
        **({"own": code} if (code := own_code_of(parts.name, run)) else {}),
        **provenance(),
    }


def labels_of(data: Data) -> str:
    """A digest of the labels of all parts: other images, or other parts, hardly ever have the same."""
    return record.fingerprint({"train": data.train.labels, "val": data.val.labels, "test": data.test.labels})


def data_facts(data: Data) -> dict[str, Json]:
    """What `run.json` says of a data set."""
    return {
        "name": data.name,
        "classes": list(data.classes),
        "shape": list(data.shape),
        "mean": list(data.mean),
        "std": list(data.std),
        "train": len(data.train),
        "val": len(data.val),
        "test": len(data.test),
        "labels": labels_of(data),
        "notes": list(data.notes),
        **({} if data.unlabelled is None else {"unlabelled": len(data.unlabelled)}),
        **({} if data.extra is None else {"extra": _extra_facts(data.extra)}),
    }


def _extra_facts(extra: Extra) -> dict[str, Json]:
    labels = record.fingerprint({"extra": extra.source.labels})
    return {"images": len(extra.source), "share": extra.share, "labels": labels}
