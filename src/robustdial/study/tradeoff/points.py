"""One position of a run, measured on its test or validation part."""

from __future__ import annotations

import torch

from robustdial import record
from robustdial.attack import Attack
from robustdial.data import Source, balanced
from robustdial.evaluate import Position, frontier, point
from robustdial.method.threat import Threat
from robustdial.precision import full_precision
from robustdial.run import Experiment
from robustdial.typing import Json

_COMPARED = 16


def test_images(experiment: Experiment, n: int | None) -> Source:
    """The test set, or a class-balanced part of `n` images of it, the same at every call."""
    return part_of(experiment.data.test, n)


def val_images(experiment: Experiment, n: int | None) -> Source:
    """The validation part, or a class-balanced part of `n` images of it, the same at every call.

    Raises ValueError where data that is only measured came without one.
    """
    if not len(experiment.data.val):
        raise ValueError(
            f"{experiment.data.name} has no validation part to choose on. Give images in folders train and test, or "
            "val and test, or leave --data out."
        )
    return part_of(experiment.data.val, n)


def measure_point(
    experiment: Experiment,
    lam: float | None,
    attack: Attack,
    n: int | None = None,
    seed: int = 0,
    *,
    width: float = 1.0,
    source: Source | None = None,
    threat: Threat | None = None,
) -> dict[str, Json]:
    """One point in float32, on `source` or else on `n` test images, under `threat` or else that of the method.

    The attack is made at the position served, from starts set by `seed`.
    """
    threat, images = threat or experiment.method.threat, source or test_images(experiment, n)
    at = Position(lam, width)
    with full_precision():
        ((_, measured),) = frontier(experiment.at, [at], images, attack, threat, seed=seed, device=experiment.device)
    dial = experiment.method.dial
    return point(measured, attack, threat, at, dial.trained(lam, width))


def add_score(experiment: Experiment, score: dict[str, Json]) -> None:
    """Add an evaluation to `score.json`."""
    path = experiment.folder / record.SCORE
    with record.changing(path):
        scores = record.read_json(path)["scores"] if path.exists() else []
        record.write_json(path, {"scores": [*scores, score]})


def fingerprint_of(source: Source) -> str:
    """A digest of all labels and of some images, by which a set is told from others."""
    some = torch.linspace(0, len(source) - 1, _COMPARED).long()
    return record.fingerprint({"labels": source.labels, "images": next(source.batches([some]))[0]})


def part_of(source: Source, n: int | None) -> Source:
    """`n` images, equally many of each class, the same at every call; all by default."""
    if n is None or n >= len(source):
        return source
    if n < 1:
        raise ValueError(f"--n {n}: give at least one image to measure on.")
    return source.subset(balanced(source.labels, n, torch.Generator().manual_seed(0)))
