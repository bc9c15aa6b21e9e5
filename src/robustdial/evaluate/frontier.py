"""The frontier: what the dial offers, measured point by point."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import torch
from torch import nn

from robustdial.attack.base import Attack
from robustdial.data import Source
from robustdial.evaluate.accuracy import Measured
from robustdial.evaluate.measure import measure
from robustdial.method.threat import Threat
from robustdial.randomness import seeded
from robustdial.typing import Json


class Position(NamedTuple):
    """Where a dial stands."""

    lam: float | None
    """None for a network without a dial."""
    width: float = 1.0


def frontier(
    at: Callable[[float | None, float], nn.Module],
    positions: Sequence[Position],
    source: Source,
    attack: Attack,
    threat: Threat,
    *,
    batch: int = 256,
    seed: int = 0,
    device: torch.device | str = "cpu",
) -> Iterator[tuple[Position, Measured]]:
    """Clean and robust accuracy at each position. The attack is made at the lambda and the width that are served.

    Every position sees the same random starts: the generator is set to `seed` before each, and left as it was found.
    """
    for position in positions:
        with seeded(seed, device):
            measured = measure(at(*position), source, attack, threat, batch)
        yield position, measured


def point(measured: Measured, attack: Attack, threat: Threat, at: Position, trained: bool = True) -> dict[str, Json]:
    """A measured point as it stands in `frontier.json` and `score.json`; accuracies are fractions."""
    clean, robust = measured
    return {
        "lam": at.lam,
        "width": at.width,
        "clean": clean.value,
        "clean_interval": list(clean.interval),
        "robust": robust.value,
        "robust_interval": list(robust.interval),
        "n": clean.n,
        "attack": attack.name,
        "threat": threat.name,
        "eps": threat.radius,
        "trained": trained,
    }
