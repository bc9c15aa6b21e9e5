"""What a run takes from other runs: weights to start from, a teacher, what makes masks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from robustdial import record
from robustdial.data import Data, Relabelled, unit
from robustdial.data.pseudo import predict_labels
from robustdial.method import Method
from robustdial.method.threat import Masked, Threat
from robustdial.method.threat.mask import Unsalient
from robustdial.precision import Prepared
from robustdial.randomness import seeded
from robustdial.run.about import read_about, run_of
from robustdial.run.experiment import Experiment
from robustdial.run.network import frozen_network, is_run, teacher_of
from robustdial.run.settings import Run, is_network

_LOOKED_AT = 64  # images on which a mask is tried
_LEAST = 0.01  # the share of their pixels that it must have
_SPLIT = ("data", "limit", "labelled", "val", "side", "seed")
"""What decides which images are learned from, and with which labels."""


def check_others(name: str, method: Method, run: Run, data: Data) -> None:
    """Raises ValueError if the run to start from, or to be taught by, does not fit the run on `data`, or is wanting."""
    if method.asks_teacher and run.teacher is None:
        raise ValueError(
            f"{name} learns from a teacher. --first 40 trains a standard one before; or train one with robustdial "
            "train (and the same --data, --limit, --val, --seed), and give its folder as --teacher; or a network of "
            "your own: --teacher file.py:build."
        )
    if run.start and is_run(Path(run.start)):  # of a file it is not known what it has learned from
        _check_start(Path(run.start), run)
    if run.teacher and not is_network(run.teacher) and (data.unlabelled is not None or method.asks_teacher):
        _check_teacher(Path(run.teacher), run, data)


def _check_start(folder: Path, run: Run) -> None:
    """Raises ValueError if the run to start from may have learned from what is held out here."""
    if theirs := _split_otherwise(run_of(read_about(folder)), run):
        raise ValueError(
            f"--start {folder}: that run was made with {theirs}, so it may have learned from images that are held out "
            "here. Give the same data, limit, labelled, val, size and seed."
        )


def _check_teacher(folder: Path, run: Run, data: Data) -> None:
    """Raises ValueError if the teacher has other classes or images, or has learned from labels that are hidden here."""
    about = read_about(folder)
    if about["data"]["classes"] != list(data.classes) or about["data"]["shape"] != list(data.shape):
        theirs = f"{len(about['data']['classes'])} classes of {about['data']['name']}, images {about['data']['shape']}"
        raise ValueError(
            f"--teacher {folder}: that run knows {theirs}; here they are {len(data.classes)} classes of {data.name}, "
            f"images {list(data.shape)}. Give a run with the same classes and shape."
        )
    other = run_of(about)
    if other.data == run.data and (theirs := _split_otherwise(other, run)):
        raise ValueError(
            f"--teacher {folder}: that run was made with {theirs}, so it may have learned from labels that are hidden "
            "here. Give the same limit, labelled, val, size and seed."
        )


def _split_otherwise(other: Run, run: Run) -> str:
    """How another run divides its data where it does so otherwise, in words; empty if it does not."""
    return ", ".join(f"{n} {getattr(other, n)}" for n in _SPLIT if getattr(other, n) != getattr(run, n))


def pseudo_labels_of(experiment: Experiment) -> Tensor | None:
    """The pseudo-labels of a run that learns from them: those it was begun with, or else its teacher's."""
    path, data, run = experiment.folder / record.PSEUDO, experiment.data, experiment.run
    if data.unlabelled is None or run.teacher is None:
        return None
    if path.exists():
        return record.read_tensors(path)[0]["labels"]
    with seeded(0, experiment.device):  # building the teacher draws random numbers, which are not the run's
        return predict_labels(data, teacher_of(run, data, experiment.device))


def attach_pseudo_labels(experiment: Experiment, labels: Tensor | None) -> None:
    """Give the unlabelled images their pseudo-labels, and keep these in the folder: a teacher may change, or go."""
    data, path = experiment.data, experiment.folder / record.PSEUDO
    if labels is None:
        return
    experiment.data = relabelled(data, labels)
    counts = labels.bincount(minlength=len(data.classes)).tolist()
    about = {"teacher": experiment.run.teacher, "images": dict(zip(data.classes, counts, strict=True))}
    kept = {"labels": labels}
    experiment.state.world.once(lambda: None if path.exists() else record.write_tensors(path, kept, about))


def relabelled(data: Data, labels: Tensor | None) -> Data:
    """Data whose unlabelled images, if there are any, have these labels."""
    if labels is None or data.unlabelled is None:
        return data
    return replace(data, unlabelled=Relabelled(data.unlabelled, labels))


def attach_teacher(experiment: Experiment) -> None:
    """Have the teacher ready to be asked while training; `run.json` tells it from others by its weights.

    Raises ValueError if it is another one than the run was begun with.
    """
    run, about = experiment.run, experiment.about
    if not experiment.method.asks_teacher:
        return
    with seeded(0, experiment.device):
        teacher = teacher_of(run, experiment.data, experiment.device)
    weights = record.fingerprint(teacher.state_dict())
    if about.setdefault("teacher", weights) != weights:
        raise ValueError(
            f"--teacher {run.teacher} has changed since the run in {experiment.folder} began. Put it back, or start "
            "a new run."
        )
    experiment.state.teacher = Prepared(teacher, about["run"]["precision"])


def with_mask_network(method: Method, data: Data, device: torch.device) -> Method:
    """The method, with the network that its mask asks.

    Raises ValueError if that network takes other images, FileNotFoundError if there is no run of it.
    """
    threat = method.threat
    if not (isinstance(threat, Masked) and isinstance(threat.mask, Unsalient)):
        return method
    network = _mask_network(Path(threat.mask.guide), data, device)
    weights = record.fingerprint(network.state_dict())
    return replace(method, threat=replace(threat, mask=replace(threat.mask, network=network, weights=weights)))


def check_background(threat: Threat, data: Data, device: torch.device) -> None:
    """Raises ValueError if the mask of a threat that has one leaves the adversary no pixel."""
    if not isinstance(threat, Masked):
        return
    x, _ = next(data.train.batches([torch.arange(min(_LOOKED_AT, len(data.train)))]))
    covered = float(threat.mask(unit(x).to(device)).mean())
    if covered < _LEAST:
        raise ValueError(
            f"{threat.name} leaves the adversary {100 * covered:.2g} % of the pixels of {data.name}: there is no "
            "such background. Choose --mask border, or give dark a --threshold."
        )


def _mask_network(folder: Path, data: Data, device: torch.device) -> nn.Module:
    """The network of a run that makes masks, without a dial."""
    try:
        shape = tuple(record.read_run(folder)["data"]["shape"])
    except FileNotFoundError as error:
        raise FileNotFoundError(f"The network that makes the masks: {error}") from None
    if shape != tuple(data.shape):
        raise ValueError(f"guide {folder}: that run saw images of {shape}, these are {data.shape}. Name another one.")
    return frozen_network(folder, device)


def data_for(name: str, method: Method, run: Run, data: Data) -> Data:
    """The data without what a method does not look at. Raises ValueError if there is not what it needs."""
    if not method.unlabelled:
        return replace(data, unlabelled=None)
    if data.unlabelled is None:
        raise ValueError(
            f"{name} learns from unlabelled images too. Say which: --labelled 4000 keeps so many labels and takes the "
            "other training images without theirs, --unlabelled folder:PATH reads others."
        )
    if run.teacher is None:
        raise ValueError(
            f"{name} needs a teacher for its unlabelled images. Train one with: robustdial train clean (and the same "
            "--data, --labelled, --seed), and give its folder as --teacher."
        )
    return data
