"""A run folder of a training loop of one's own."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from robustdial import record
from robustdial.checks import a, said, whole
from robustdial.data import Data
from robustdial.distributed import ALONE
from robustdial.logits import evaluation
from robustdial.method import Method
from robustdial.own_code import absolute
from robustdial.recipes import recipe as recipe_of
from robustdial.recipes.composed import COMPOSED, spell
from robustdial.run.assembly import Parts, about_of, data_facts
from robustdial.run.device import device_of
from robustdial.run.experiment import Experiment
from robustdial.run.network import untrained
from robustdial.run.places import data_of
from robustdial.run.settings import Run
from robustdial.run.training_loop import close_epoch
from robustdial.training.engine import TrainState
from robustdial.typing import Json

_UNKNOWN = {"progress": 1.0, "passes": 1, "spent": 1.0, "gradient": None, "seconds": 0.0, "images": 0}
"""What a loop need not tell of an epoch."""


class Writing:
    """A run folder that is being written, epoch by epoch."""

    def __init__(self, experiment: Experiment) -> None:
        self.experiment = experiment

    @property
    def folder(self) -> Path:
        """Where it is."""
        return self.experiment.folder

    def add(self, epoch: Mapping[str, Json]) -> dict[str, Json]:
        """Validate the network as it is now, write the epoch, and keep the network if it is the best so far.

        Args:
            epoch: what `fit` yields; of a loop of your own at least `loss`, and `epoch` where they are not in order.

        Returns the line of `epochs.jsonl`. Training is not disturbed: the random numbers are put back.
        """
        state = self.experiment.state
        a("epoch", epoch, Mapping, "what fit yields, or for example {'loss': 0.5}")
        if "loss" not in epoch:
            raise ValueError("The epoch has no loss. Give what fit yields, or for example {'loss': 0.5}.")
        epoch = {name: _plain(name, value) for name, value in epoch.items()}
        number = epoch.get("epoch", len(record.read_epochs(self.folder)) + 1)
        whole("epoch", number, least=1)
        lr = state.optimizer.param_groups[0]["lr"]
        state.epoch = number
        with evaluation(state.model), _lying_as_before(state.model):
            close_epoch(self.experiment, {"epoch": number, "lr": lr} | _UNKNOWN | {**epoch, "epoch": number})
            self.experiment.save()
        return record.read_epochs(self.folder)[-1]


@contextmanager
def _lying_as_before(model: nn.Module) -> Iterator[None]:
    """Inside, weights that stand still may be laid out in memory as suits who measures; afterwards they lie as the loop
    left them, since another layout rounds otherwise."""
    lying = [(weight, weight.data) for weight in model.parameters()]
    try:
        yield
    finally:
        for weight, data in lying:
            weight.data = data


def _plain(name: str, value: Any) -> Json:
    """A value as it can be written: a tensor or an array of one number is that number."""
    one = isinstance(value, np.generic) or (
        isinstance(value, torch.Tensor | np.ndarray) and math.prod(value.shape) == 1
    )
    value = value.item() if one else value
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        raise TypeError(f"{name} is {said(value)}, which JSON cannot hold. Give numbers: loss.item().") from None
    return value


@contextmanager
def writing(
    folder: str | Path,
    method: Method,
    data: Data,
    state: TrainState,
    *,
    model: str,
    recipe: str | None = None,
    **settings: Any,
) -> Iterator[Writing]:
    """Write a run folder from a loop of your own; `frontier`, `report`, `choose`, `bake` and `app` open it.

    ```
    with writing("runs/mine", method, data, state, model="cnn", model_width=8) as run:
        for epoch in fit(state, data, method, epochs=15, batch=128):
            run.add(epoch)
    ```

    Args:
        folder: of the run; new, or empty.
        method: that the network is trained with.
        data: that it is trained on, as `load` gave it.
        state: that holds the network.
        model: how the network is built again: a name of `build`, or `file.py:build`.
        recipe: a name or `file.py:recipe` that gives the method again, for one with parts of your own.
        settings: further fields of `Run`, such as `model_width`, `seed`, `epochs`, `limit`, `val`, `size`.

    Raises ValueError, and writes nothing, if the folder is not free, or method, data or network could not be had again.
    """
    a("state", state, TrainState, "a training state, as TrainState.new(model) makes it")
    wanted: dict[str, Any] = {"seed": state.seed, "lr": state.lr, "precision": "float32"} | settings
    place, device = Path(folder), next(state.model.parameters()).device
    run = Run(**wanted | {"data": data.name, "model": absolute(model), "out": str(folder), "device": str(device)})
    record.check_free(place, record.RUN)
    name, knobs = (COMPOSED, {"spelled": spell(method)}) if recipe is None else (absolute(recipe), {})
    if recipe_of(name)(**knobs) != method:
        raise ValueError(f"recipe={recipe!r} gives another method by default. Give the method that it gives.")
    _check_data(data, run)
    parts = Parts(name, knobs, run, method, data, device_of(str(device)), "float32", ALONE)
    about = about_of(place, parts, state.model)
    _check_network(about, state)
    experiment = Experiment(place, about, run, method, data.to(device), state, best={})
    experiment.hold = record.create(place, record.RUN, about)
    try:
        yield Writing(experiment)
    finally:
        experiment.hold.release()


def _check_data(data: Data, run: Run) -> None:
    try:
        again = data_of(run)
    except (ValueError, OSError) as error:
        raise ValueError(f"The data {data.name} cannot be had again: {error}") from error
    if data_facts(again) != data_facts(data):
        raise ValueError(
            f"The data {data.name} is divided otherwise when it is loaded again. Give the arguments of load here too: "
            "seed, val, limit, size."
        )


def _check_network(about: Mapping[str, Json], state: TrainState) -> None:
    with torch.random.fork_rng():
        again = untrained(about)
    theirs, ours = state.model.state_dict(), again.state_dict()
    if {n: v.shape for n, v in theirs.items()} != {n: v.shape for n, v in ours.items()}:
        raise ValueError(
            f"model={about['model']['name']!r} builds another network than the one that is trained. Give its name, and "
            "model_width= where it is not the customary one; of your own, file.py:build."
        )
