"""How long a network takes to answer."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from robustdial.checks import checked, whole
from robustdial.logits import evaluation

WARM_UP = 5
"""Forwards before the clock runs: caches fill, CUDA chooses its kernels."""


class Latency(NamedTuple):
    """Seconds per forward: the median and both quartiles."""

    median: float
    low: float
    high: float


@checked
def latencies(networks: Sequence[nn.Module], x: Tensor, rounds: int = 50) -> list[Latency]:
    """Seconds that each network takes for the batch `x` in evaluation mode, each forward timed by itself.

    The networks run by turns (A B C A B C ...), so that what slows the machine slows them all. The clock stops when an
    accelerator has finished. The numbers are of this machine, with `torch.get_num_threads()` threads.

    >>> (latency,) = latencies([nn.Linear(4, 4)], torch.zeros(1, 4))
    >>> 0 < latency.low <= latency.median <= latency.high
    True
    """
    whole("rounds", rounds, least=1)
    if not networks:
        raise ValueError("There are no networks to time. Give a list with at least one.")
    with torch.inference_mode(), evaluation(*networks):
        for network in networks:
            for _ in range(WARM_UP):
                _seconds(network, x)
        taken = torch.tensor([[_seconds(network, x) for network in networks] for _ in range(rounds)])
    low, median, high = taken.quantile(torch.tensor([0.25, 0.5, 0.75]), dim=0).tolist()
    return [Latency(*row) for row in zip(median, low, high, strict=True)]


def _seconds(network: nn.Module, x: Tensor) -> float:
    x = x.clone()  # one that writes into its input would give the others, and itself, other images
    start = time.perf_counter()
    network(x)
    if x.is_cuda:
        torch.cuda.synchronize(x.device)
    return time.perf_counter() - start
