"""Measuring a trained run: its frontier, single points, and pictures of its adversaries."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from itertools import pairwise

import torch
from torch import Tensor

from robustdial import record
from robustdial.data import Source, balanced, unit
from robustdial.dial import Dials, Fixed
from robustdial.evaluate import Attack, frontier, point
from robustdial.precision import full_precision
from robustdial.randomness import seeded
from robustdial.run import Experiment
from robustdial.typing import Json

PICTURES = 8


def lambdas_of(dial: Dials | Fixed, between: bool = False) -> tuple[float | None, ...]:
    """The trained lambdas, (None,) for a network without a dial.

    With `between`, also the middle of every wide gap: a slider passes there too.

    >>> lambdas_of(Dials((0, 0.2, 1)), between=True)
    (0.0, 0.2, 0.6, 1.0)
    """
    if isinstance(dial, Fixed):
        return (None,)
    middles = [(low + high) / 2 for low, high in pairwise(dial.lambdas) if between and high - low > 0.25]
    return tuple(sorted([*dial.lambdas, *middles]))


def test_images(experiment: Experiment, n: int | None) -> Source:
    """The test set, or a class-balanced part of `n` images of it, the same at every call."""
    test = experiment.data.test
    if n is None or n >= len(test):
        return test
    if n < 1:
        raise ValueError(f"--n {n}: give at least one image to measure on.")
    return test.subset(balanced(test.labels, n, torch.Generator().manual_seed(0)))


def measure_frontier(
    experiment: Experiment, lams: Sequence[float | None], attack: Attack, n: int | None = None, seed: int = 0
) -> Iterator[dict[str, Json]]:
    """Measure each lambda on test images, in float32, and write `frontier.json` once all are known.

    A network without a dial has one point, `lam` None.
    """
    for lam in lams:
        experiment.at(lam)  # a lambda off the dial is refused before the first one is measured
    clock, points = time.perf_counter(), []
    for lam in lams:
        points.append(measure_point(experiment, lam, attack, n, seed))
        yield points[-1]
    conditions = {
        "checkpoint": experiment.checkpoint,
        "precision": "float32",
        "seed": seed,
        "seconds": time.perf_counter() - clock,
    }
    record.write_json(experiment.folder / record.FRONTIER, {"points": points, **conditions})


def measure_point(
    experiment: Experiment, lam: float | None, attack: Attack, n: int | None = None, seed: int = 0
) -> dict[str, Json]:
    """One point on test images, in float32. The attack is made at the lambda served, from starts set by `seed`."""
    threat, source = experiment.method.threat, test_images(experiment, n)
    with full_precision():
        ((_, measured),) = frontier(
            experiment.at, [lam], source, attack, threat, seed=seed, device=experiment.state.device
        )
    return point(measured, attack, threat, lam, lam in lambdas_of(experiment.method.dial))


def add_score(experiment: Experiment, score: dict[str, Json]) -> None:
    """Add an evaluation to `score.json`."""
    path = experiment.folder / record.SCORE
    scores = record.read_json(path)["scores"] if path.exists() else []
    record.write_json(path, {"scores": [*scores, score]})


def take_pictures(experiment: Experiment, attack: Attack, seed: int = 0) -> None:
    """Attack a few test images of different classes, at the ends and in the middle of the dial, and write them."""
    dial, test = experiment.method.dial, experiment.data.test
    lams: tuple[float | None, ...] = (None,)
    if isinstance(dial, Dials):
        lams = tuple(dial.lambdas[i] for i in sorted({0, len(dial.lambdas) // 2, len(dial.lambdas) - 1}))
    chosen = balanced(test.labels, PICTURES, torch.Generator().manual_seed(seed))
    x, y = next(test.batches([chosen]))
    x, columns = unit(x), []
    with seeded(seed, experiment.state.device), full_precision():
        for lam in lams:
            f = experiment.at(lam)
            adv = attack(f, x, y, experiment.method.threat)
            columns.append({"adv": _bytes(adv)} | _predictions(f(x), "clean") | _predictions(f(adv), "adv"))
    stacked = {name: torch.stack([column[name] for column in columns]) for name in columns[0]}
    tensors = {
        "clean": _bytes(x),
        "labels": y,
        "lams": torch.tensor([1.0 if lam is None else lam for lam in lams]),
        **stacked,
    }
    record.write_tensors(experiment.folder / record.PICTURES, tensors, {"attack": attack.name, "seed": seed})


def _predictions(logits: Tensor, of: str) -> dict[str, Tensor]:
    confidence, prediction = logits.detach().softmax(1).max(1)
    return {f"pred_{of}": prediction, f"conf_{of}": confidence}


def _bytes(x: Tensor) -> Tensor:
    return (x * 255).round().to(torch.uint8)
