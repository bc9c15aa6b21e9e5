"""The frontier: what the dial offers, measured point by point."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import nn

from robustdial.data import Source
from robustdial.evaluate.accuracy import Measured, measure
from robustdial.evaluate.attack import Attack
from robustdial.randomness import seeded
from robustdial.threat import Threat
from robustdial.typing import Json


def frontier(
    at: Callable[[float | None], nn.Module],
    lams: Sequence[float | None],
    source: Source,
    attack: Attack,
    threat: Threat,
    *,
    batch: int = 256,
    seed: int = 0,
    device: torch.device | str = "cpu",
) -> Iterator[tuple[float | None, Measured]]:
    """Clean and robust accuracy at each lambda. The attack is made at the lambda that is served.

    Every lambda sees the same random starts: the generator is set to `seed` before each, and left as it was found.
    """
    for lam in lams:
        with seeded(seed, device):
            measured = measure(at(lam), source, attack, threat, batch)
        yield lam, measured


def point(
    measured: Measured, attack: Attack, threat: Threat, lam: float | None, trained: bool = True
) -> dict[str, Json]:
    """A measured point as it stands in `frontier.json` and `score.json`; accuracies are fractions."""
    clean, robust = measured
    return {
        "lam": lam,
        "width": 1.0,
        "clean": clean.value,
        "clean_interval": list(clean.interval),
        "robust": robust.value,
        "robust_interval": list(robust.interval),
        "n": clean.n,
        "attack": attack.name,
        "threat": type(threat).__name__,
        "eps": threat.radius,
        "trained": trained,
    }
