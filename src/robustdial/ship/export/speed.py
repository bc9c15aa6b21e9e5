"""How much faster one network is than another."""

from __future__ import annotations

import statistics
import time

import torch
from torch import Tensor

from robustdial.typing import Classifier


@torch.no_grad()
def speedup(f: Classifier, over: Classifier, x: Tensor, rounds: int = 15) -> float:
    """How many times faster `f` is than `over` on the batch `x`: the median of ratios, both timed by turns."""
    pairs = [(_seconds(over, x), _seconds(f, x)) for _ in range(rounds + 1)]
    return statistics.median(slow / fast for slow, fast in pairs[1:])  # the first round warms up


def _seconds(f: Classifier, x: Tensor) -> float:
    x = x.clone()  # a network may write into its input
    start = time.perf_counter()
    f(x)
    return time.perf_counter() - start
