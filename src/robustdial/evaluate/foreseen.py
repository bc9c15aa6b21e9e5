"""How long an attack on many images will take, from a short one on a few."""

from __future__ import annotations

import time

import torch

from robustdial.attack import Attack, shortened
from robustdial.data import Source
from robustdial.evaluate.measure import measure
from robustdial.method.threat import Threat
from robustdial.precision import full_precision
from robustdial.randomness import seeded
from robustdial.typing import Classifier

_FEW = 32
_SHARE = 0.1


def foreseen(f: Classifier, source: Source, attack: Attack, threat: Threat) -> float:
    """Seconds for `attack` on all of `source` on this machine; at most, where the images that fall are left out later.

    A tenth of its iterations is tried on a few images, after one try that is not counted. No random number is spent.
    """
    few = source.subset(torch.arange(min(_FEW, len(source))))
    share = _SHARE
    try:
        short = shortened(attack, share)
    except ValueError:  # it has no iterations to leave out
        short, share = attack, 1.0
    with seeded(0, _device_of(few)), full_precision():
        for _ in range(2):
            clock = time.perf_counter()
            measure(f, few, short, threat)
    return (time.perf_counter() - clock) / share * len(source) / len(few)


def _device_of(source: Source) -> torch.device:
    """Where its images are handed out."""
    return next(source.batches([torch.zeros(1, dtype=torch.int64)]))[0].device
