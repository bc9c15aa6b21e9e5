"""Measuring a trained run: its frontier, single points, and pictures of its adversaries."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from robustdial import record
from robustdial.data import Source, unit
from robustdial.dial import Dials
from robustdial.evaluate import Attack, frontier, measure, point
from robustdial.run import Experiment
from robustdial.typing import Json

PICTURES = 8


def lambdas_to_measure(experiment: Experiment) -> tuple[float, ...]:
    """The trained lambdas, and the middle of every wide gap between them: a slider passes there too."""
    dial = experiment.method.dial
    assert isinstance(dial, Dials)
    gaps = zip(dial.lambdas, dial.lambdas[1:], strict=False)
    return tuple(sorted({*dial.lambdas, *((low + high) / 2 for low, high in gaps if high - low > 0.25)}))


def test_images(experiment: Experiment, n: int | None) -> Source:
    """The test set, or a class-balanced part of `n` images of it, the same at every call."""
    test = experiment.data.test
    if n is None or n >= len(test):
        return test
    if n < 1:
        raise ValueError(f"--n {n}: give at least one image to measure on.")
    return test.subset(_balanced(test.labels, n))


def measure_frontier(
    experiment: Experiment, lams: Sequence[float] | None, attack: Attack, n: int | None = None, seed: int = 0
) -> Iterator[dict[str, Json]]:
    """Measure each lambda on test images, in float32, and write `frontier.json` once all are known.

    A network without a dial has one point, `lam` None.
    """
    method, source = experiment.method, test_images(experiment, n)
    clock, points = time.perf_counter(), []
    if isinstance(method.dial, Dials):
        wanted = tuple(lams) if lams else lambdas_to_measure(experiment)
        for lam, measured in frontier(experiment.at, wanted, source, attack, method.threat, seed=seed):
            points.append(point(measured, attack, method.threat, lam, lam in method.dial.lambdas))
            yield points[-1]
    else:
        points.append(measure_point(experiment, None, attack, n, seed))
        yield points[-1]
    conditions = {"checkpoint": "best", "precision": "float32", "seed": seed, "seconds": time.perf_counter() - clock}
    record.write_json(experiment.folder / record.FRONTIER, {"points": points, **conditions})


def measure_point(experiment: Experiment, lam: float | None, attack: Attack, n: int | None = None, seed: int = 0) -> dict[str, Json]:
    """One point on test images, in float32."""
    method = experiment.method
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        measured = measure(experiment.at(lam), test_images(experiment, n), attack, method.threat)
    trained = not isinstance(method.dial, Dials) or lam in method.dial.lambdas
    return point(measured, attack, method.threat, lam, trained)


def add_score(experiment: Experiment, score: dict[str, Json]) -> None:
    """Add an evaluation to `score.json`."""
    path = experiment.folder / record.SCORE
    scores = record.read_json(path)["scores"] if path.exists() else []
    record.write_json(path, {"scores": [*scores, score]})


def take_pictures(experiment: Experiment, attack: Attack, seed: int = 0) -> None:
    """Attack a few test images, of different classes, at both ends and in the middle of the dial; write `pictures.safetensors`."""
    dial, test = experiment.method.dial, experiment.data.test
    lams: tuple[float | None, ...] = (None,)
    if isinstance(dial, Dials):
        lams = tuple(dial.lambdas[i] for i in sorted({0, len(dial.lambdas) // 2, len(dial.lambdas) - 1}))
    x, y = next(test.subset(_balanced(test.labels, PICTURES)).batches([torch.arange(min(PICTURES, len(test)))]))
    x, columns = unit(x), []
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        for lam in lams:
            f = experiment.at(lam)
            adv = attack(f, x, y, experiment.method.threat)
            columns.append({"adv": _bytes(adv)} | _predictions(f(x), "clean") | _predictions(f(adv), "adv"))
    stacked = {name: torch.stack([column[name] for column in columns]) for name in columns[0]}
    tensors = {"clean": _bytes(x), "labels": y, "lams": torch.tensor([1.0 if lam is None else lam for lam in lams]), **stacked}
    record.write_tensors(experiment.folder / record.PICTURES, tensors, {"attack": attack.name, "seed": seed})


def _predictions(logits: Tensor, of: str) -> dict[str, Tensor]:
    confidence, prediction = logits.detach().softmax(1).max(1)
    return {f"pred_{of}": prediction, f"conf_{of}": confidence}


def _bytes(x: Tensor) -> Tensor:
    return (x * 255).round().to(torch.uint8)


def _balanced(labels: Tensor, n: int) -> Tensor:
    """Indices of the first images of each class in turn, `n` in all, ascending."""
    turn = torch.zeros_like(labels)
    for label in labels.unique():
        mine = labels == label
        turn[mine] = torch.arange(int(mine.sum()))
    return torch.argsort(turn, stable=True)[:n].sort().values
