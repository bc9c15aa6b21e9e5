"""The state a network is in while it is attacked, or only looked at."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch
from torch import nn

Mode = Literal["eval", "train"]


@contextmanager
def attacked(model: nn.Module, mode: Mode) -> Iterator[None]:
    """Put `model` into `mode`, its weights asking for no gradient; afterwards everything is as before, layer by layer.

    A compiled network gets a backward of its own for weights that ask for no gradient: that of the input alone.
    """
    modules = [(module, module.training) for module in model.modules() if hasattr(module, "training")]
    weights = [weight for weight in model.parameters() if weight.requires_grad and not weight.is_inference()]
    model.train(mode == "train")
    for weight in weights:
        weight.requires_grad_(False)
    try:
        yield
    finally:
        for module, training in modules:
            module.training = training
        for weight in weights:
            weight.requires_grad_(True)


@contextmanager
def buffers_restored(model: nn.Module) -> Iterator[None]:
    """Afterwards the buffers of a network, such as running statistics, hold what they held: to look is not to learn."""
    kept = [(buffer, buffer.clone()) for buffer in model.buffers()]
    try:
        yield
    finally:
        with torch.no_grad():
            for buffer, before in kept:
                buffer.copy_(before)
