"""Accuracy against the radius of the adversary."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import torch

from robustdial.attack import Attack, strong
from robustdial.data import Source
from robustdial.evaluate.accuracy import Accuracy
from robustdial.evaluate.measure import classes_of
from robustdial.evaluate.survivors import Survivors, attacks_of, run_cascade
from robustdial.method.threat import Ball
from robustdial.typing import Classifier

SHARES = 0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 4.0
"""Radii in units of the threat's own."""


class AtRadius(NamedTuple):
    """A point of the curve."""

    eps: float
    accuracy: Accuracy


def curve(
    f: Classifier,
    source: Source,
    threat: Ball,
    attack: Attack | None = None,
    shares: Sequence[float] = SHARES,
    *,
    batch: int = 256,
    seed: int = 0,
) -> Iterator[AtRadius]:
    """Accuracy at one radius after the other, from small to large, on the same images.

    What falls at a radius has fallen at every larger one, for the larger ball holds the smaller: it is not attacked
    again, and the curve cannot rise. Where it does not come down to nothing at a large radius, the attack is too weak
    for this network, and then it is too weak at small ones as well (Carlini et al., On Evaluating Adversarial
    Robustness, 2019).

    Args:
        f: the network.
        source: the images.
        threat: its radius is the unit of `shares`.
        attack: `strong()` by default.
        shares: of the radius, rising; at 0 the images are as they are.
        batch: images at a time.
        seed: of the random numbers at each radius.

    Raises as `measure` does; ValueError for shares that do not rise from 0 or more.

    >>> from robustdial.data import Resident
    >>> from robustdial.method.threat import Linf
    >>> bright = lambda x: torch.stack([x.mean((1, 2, 3)), torch.full((len(x),), 0.5)], dim=1)
    >>> x = torch.linspace(0.45, 0.95, 6).reshape(6, 1, 1, 1).expand(6, 1, 2, 2)
    >>> points = curve(bright, Resident(x, torch.zeros(6, dtype=torch.int64)), Linf(0.2))
    >>> [(eps, accuracy.correct) for eps, accuracy in points][:4]
    [(0.0, 5), (0.05, 5), (0.1, 4), (0.2, 3)]
    """
    if not shares or shares[0] < 0 or any(here >= there for here, there in pairwise(shares)):
        raise ValueError(f"shares={tuple(shares)}: give radii that rise, from 0 or more.")
    stages = attacks_of(strong() if attack is None else attack, classes_of(f, source))
    left = torch.arange(len(source))
    for share in shares:
        ball = threat.of_radius(share * threat.radius)
        if len(left):
            some = stages if share > 0 else stages[:1]
            survivors = Survivors.fresh(len(left), len(some))
            for _ in run_cascade(f, source.subset(left), some, ball, survivors, batch=batch, seed=seed):
                pass
            left = left[survivors.after(len(some) - 1)]
        yield AtRadius(ball.radius, Accuracy(len(left), len(source)))
