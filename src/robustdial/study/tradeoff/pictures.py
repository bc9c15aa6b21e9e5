"""Pictures of a run: a few test images with their adversaries."""

from __future__ import annotations

import torch
from torch import Tensor

from robustdial import record
from robustdial.attack import Attack, answers
from robustdial.data import balanced, grey_levels, unit
from robustdial.precision import full_precision
from robustdial.randomness import seeded
from robustdial.run import Experiment

PICTURES, POSITIONS = 8, 6
"""At most so many images, at so many positions of the dial."""


def take_pictures(experiment: Experiment, attack: Attack, seed: int = 0) -> None:
    """Attack a few test images of different classes, at trained positions along the dial, and write them."""
    known, test = experiment.method.dial.lambdas, experiment.data.test
    last, shown = len(known) - 1, min(len(known), POSITIONS)
    lams = [known[round(i * last / max(1, shown - 1))] for i in range(shown)]
    chosen = balanced(test.labels, PICTURES, torch.Generator().manual_seed(seed))
    x, y = next(test.batches([chosen]))
    x, columns = unit(x), []
    with seeded(seed, experiment.device), full_precision():
        for lam in lams:
            f = experiment.at(lam)
            adv = attack(f, x, y, experiment.method.threat)
            said = _predictions(answers(f, x), "clean") | _predictions(answers(f, adv), "adv")
            columns.append({"adv": grey_levels(adv)} | said)
    stacked = {name: torch.stack([column[name] for column in columns]) for name in columns[0]}
    tensors = {
        "clean": grey_levels(x),
        "labels": y,
        "lams": torch.tensor([1.0 if lam is None else lam for lam in lams]),
        **stacked,
    }
    record.write_tensors(experiment.folder / record.PICTURES, tensors, {"attack": attack.name, "seed": seed})


def _predictions(logits: Tensor, of: str) -> dict[str, Tensor]:
    confidence, prediction = logits.softmax(1).max(1)
    return {f"pred_{of}": prediction, f"conf_{of}": confidence}
