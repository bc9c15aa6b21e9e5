"""The state a network is in while it is attacked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

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
