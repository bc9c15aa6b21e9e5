"""What a network costs: parameters and multiply-adds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from robustdial.checks import checked
from robustdial.data.base import Shape
from robustdial.logits import evaluation


class Cost(NamedTuple):
    """Size of a network, and its work on one image."""

    parameters: int
    """Weights and biases, each counted once however often it is used; running statistics are not among them."""
    macs: int
    """Multiply-adds of convolutions and matrix products for one image; a multiply-add is one."""


@checked
def cost(f: nn.Module, shape: Shape) -> Cost:
    """Parameters and multiply-adds of one image `[C, H, W]`, in evaluation mode.

    The products of attention are matrix products. Batch norm, activations and pooling are not counted, as in most
    tables of papers. A baked network is a plain network and costs what its layers cost. `model.at(lam)` has the FiLM
    networks, both statistics and every width in it, and computes its FiLM at each call, once for the whole batch.

    >>> cost(nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.Flatten(), nn.Linear(4 * 8 * 8, 10)), (3, 8, 8))
    Cost(parameters=2682, macs=9472)
    """
    from torch.utils.flop_counter import FlopCounterMode  # brings triton with it

    like = next((weight for weight in f.parameters() if weight.is_floating_point()), torch.empty(0))
    with torch.no_grad(), evaluation(f), _in_the_open(), FlopCounterMode(display=False) as counter:
        f(torch.zeros(1, *shape, dtype=like.dtype, device=like.device))
    return Cost(sum(weight.numel() for weight in f.parameters()), counter.get_total_flops() // 2)


@contextmanager
def _in_the_open() -> Iterator[None]:
    """Inside, attention is computed by operations that can be counted, not by a fused kernel."""
    fused = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)
