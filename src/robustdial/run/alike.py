"""Several processes must train one network on one set with one program."""

from __future__ import annotations

import hashlib
import json

import torch

from robustdial import record
from robustdial.data import Data, Source
from robustdial.provenance import source_digest
from robustdial.run.experiment import Experiment

_LOOKED_AT = 8  # images of each part


def check_alike(experiment: Experiment) -> None:
    """Raises ValueError if another process has other code, settings, data or weights; waits for all of them."""
    world, about = experiment.state.world, experiment.about
    if world.size == 1:
        return
    settings = {name: value for name, value in about["run"].items() if name != "device"}
    world.check_same("the code", source_digest())
    world.check_same("the command", json.dumps([about["recipe"], about["knobs"], settings], sort_keys=True))
    world.check_same("the data", data_digest(experiment.data))
    world.check_same("the network", experiment.weights or record.fingerprint(experiment.state.model.state_dict()))


def data_digest(data: Data) -> str:
    """A short digest of all labels and of some pixels of each part.

    >>> from robustdial.data import load
    >>> data_digest(load("digits")) == data_digest(load("digits")) != data_digest(load("digits", seed=1))
    True
    """
    digest = hashlib.sha256(json.dumps([data.name, data.classes, data.shape]).encode())
    beside = (data.unlabelled, None if data.extra is None else data.extra.source)
    for source in (data.train, data.val, data.test, *(source for source in beside if source is not None)):
        digest.update(_seen(source))
    return digest.hexdigest()[:16]


def _seen(source: Source) -> bytes:
    some = torch.linspace(0, len(source) - 1, min(_LOOKED_AT, len(source))).long()
    pixels = [next(source.batches([some]))[0].cpu().float()] if len(source) else []
    return source.labels.numpy().tobytes() + b"".join(x.numpy().tobytes() for x in pixels)
