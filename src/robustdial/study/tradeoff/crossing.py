"""Attack and network at different lambdas of a run, and a lambda that is drawn for every request."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypedDict

import torch
from torch import Tensor

from robustdial import record
from robustdial.attack import Attack
from robustdial.evaluate import Accuracy, Cross, Estimate, cross, over_images
from robustdial.precision import full_precision
from robustdial.run import Experiment
from robustdial.study.tradeoff.ledger import conditions_of, images_of, measured_under
from robustdial.study.tradeoff.points import test_images
from robustdial.typing import Json

MIXTURE = "mixture"


def measure_cross(
    experiment: Experiment,
    lams: Sequence[float],
    attack: Attack,
    n: int | None = None,
    seed: int = 0,
    *,
    width: float = 1.0,
) -> Iterator[int]:
    """Cross the lambdas on `n` test images, in float32, and write `cross.json` once all is known.

    Yields how many rounds are done: one without an attack, one for each lambda, one for the mixture. Each is kept, and
    not made again by a later call under the same conditions. Raises ValueError for less than two lambdas, or one that
    is off the dial.
    """
    if experiment.method.dial.lambdas == (None,):
        raise ValueError(f"The network in {experiment.folder} has no dial, so there is nothing to cross.")
    if len(set(lams)) < 2:
        raise ValueError("Crossing needs two lambdas at least. Give --lams 0 0.5 1.")
    networks = [experiment.at(lam, width) for lam in lams]
    source, threat = test_images(experiment, n), experiment.method.threat
    conditions = {"lams": list(lams), "width": width, **conditions_of(experiment, "test", source, attack, seed)}
    path = experiment.folder / record.ROUNDS
    rounds, spent = _known(path, conditions, torch.Size((len(networks), len(source))))
    clock, known = time.perf_counter() - spent, tuple(rounds)
    with full_precision():
        seen = cross(networks, source, attack, threat, seed=seed, device=experiment.device, known=known)
        for done, standing in enumerate(seen, start=1):
            if done > len(known):
                rounds.append(standing)
                names = {f"{number:03d}": each for number, each in enumerate(rounds)}
                record.write_tensors(path, names, conditions | {"seconds": time.perf_counter() - clock})
            yield done
    about = {
        **conditions,
        **images_of(experiment),
        "threat": threat.name,
        "eps": threat.radius,
        **cross_report(Cross(rounds[0], torch.stack(rounds[1:])), lams),
        "seconds": time.perf_counter() - clock,
    }
    record.write_json(experiment.folder / record.CROSS, about)


def _known(path: Path, conditions: Mapping[str, Json], shape: torch.Size) -> tuple[list[Tensor], float]:
    """The rounds that were made under the same conditions, bool of this shape, and the seconds they took."""
    if not path.exists():
        return [], 0.0
    rounds, about = record.read_tensors(path)
    fits = all((each.shape, each.dtype) == (shape, torch.bool) for each in rounds.values())
    if not fits or not measured_under(about, conditions):
        return [], 0.0
    return [rounds[name] for name in sorted(rounds)], float(about.get("seconds", 0.0))


class CrossReport(TypedDict):
    """A crossing as it stands in `cross.json`; accuracies are fractions, with 95 % intervals."""

    adversaries: list[Json]
    """The lambdas, and the mixture last."""
    clean: list[Estimate]
    """Of each lambda served."""
    matrix: list[list[float]]
    """Row: adversary. Column: lambda served."""
    known: list[Estimate]
    unknown: list[Estimate]
    any: Estimate
    expected: list[float]
    """Of each adversary."""
    random: Json
    """An estimate, its adversary, and the clean accuracy."""
    per_image: Estimate


def cross_report(crossed: Cross, lams: Sequence[float]) -> CrossReport:
    """What stands in the file. Words as in `evaluate.cross`."""
    adversaries: list[Json] = [*lams, MIXTURE]
    n, expected = crossed.clean.shape[1], crossed.expected
    worst = adversaries[expected.index(crossed.random)]
    # a mean of several answers per image varies less than one answer: the interval of shares is on the safe side
    random = {**over_images(crossed.random, n), "adversary": worst, "clean": float(crossed.clean.double().mean())}
    return {
        "adversaries": adversaries,
        "clean": [_estimate(Accuracy(int(row.sum()), n)) for row in crossed.clean],
        "matrix": [[cell.value for cell in row] for row in crossed.matrix],
        "known": [_estimate(cell) for cell in crossed.known],
        "unknown": [_estimate(cell) for cell in crossed.unknown],
        "any": _estimate(crossed.any),
        "expected": expected,
        "random": random,
        "per_image": over_images(crossed.per_image, n),
    }


def _estimate(accuracy: Accuracy) -> Estimate:
    return over_images(accuracy.value, accuracy.n)
