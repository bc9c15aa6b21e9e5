"""Accuracy under threats that a network was not trained for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch

from robustdial.attack import Attack, Grid, WorstOf, strong
from robustdial.data import Source
from robustdial.evaluate.accuracy import Accuracy
from robustdial.evaluate.measure import measure
from robustdial.method.threat import L2, Box, Linf, Threat, Warp, spatial
from robustdial.randomness import seeded
from robustdial.typing import Classifier, px


class Trial(NamedTuple):
    """A threat, and what looks for the worst in it."""

    threat: Threat
    attack: Attack


class Unseen(NamedTuple):
    """What one trial leaves."""

    trial: Trial
    accuracy: Accuracy


def panel() -> tuple[Trial, ...]:
    """Threats of different kinds, with the radii that are customary on CIFAR-10; for other images give your own.

    L-infinity 8/255, L2 0.5 and 1, and rotations of 30 degrees with translations of a tenth of the side: the worst of
    ten random ones, which is what an unlucky user meets, and the worst of a grid of 775.

    >>> [(threat.name, attack.name) for threat, attack in panel()][2:]
    [('L2', 'apgd-ce+cw-50'), ('Warp', 'worst-of-10'), ('Warp', 'grid-31x5x5')]
    """
    balls, moves = (Linf(px(8)), L2(0.5), L2(1.0)), (WorstOf(10), Grid())
    return *(Trial(ball, strong()) for ball in balls), *(Trial(spatial(), attack) for attack in moves)


def warps() -> tuple[Trial, ...]:
    """Rotations, translations and skews (RTS) as `agat` trains against: one at random, and the worst of ten.

    >>> [attack.name for _, attack in warps()]
    ['worst-of-1', 'worst-of-10']
    """
    return tuple(Trial(Box(Warp(30, 3 / 28, 0.3)), WorstOf(tries)) for tries in (1, 10))


def unseen(
    f: Classifier,
    source: Source,
    trials: Sequence[Trial],
    *,
    batch: int = 256,
    seed: int = 0,
    device: torch.device | str = "cpu",
) -> Iterator[Unseen]:
    """Accuracy under each trial, one after the other; an image counts if it is classified rightly clean and attacked.

    Each begins from the same random numbers, set by `seed`. A network that withstands the threat that it was trained
    for may be worse under another one than a network that was trained for none. Raises as `measure` does.

    >>> from robustdial.data import Resident
    >>> left = lambda x: torch.stack([x[..., :2].mean((1, 2, 3)), x[..., 2:].mean((1, 2, 3))], dim=1)
    >>> x = torch.tensor([0.5, 0.5, 0.0, 0.0]).expand(1, 1, 4, 4)
    >>> trials = Trial(Linf(0.1), strong(5)), Trial(spatial(0, 0.5), Grid(3, 3))
    >>> [accuracy.correct for _, accuracy in unseen(left, Resident(x, torch.tensor([0])), trials)]
    [1, 0]
    """
    for trial in trials:
        with seeded(seed, device):
            found = measure(f, source, trial.attack, trial.threat, batch)
        yield Unseen(trial, found.robust)
