"""Optimizers by name: those of PyTorch, and those of timm where it is installed."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from difflib import get_close_matches
from importlib import import_module
from typing import Any

import torch
from torch import nn

from robustdial.checks import checked
from robustdial.training.layers import Groups, layered

_NEEDS_MORE = ("lbfgs", "sparseadam")  # a closure; sparse gradients
_TORCH = {
    name.lower(): kind
    for name, kind in vars(torch.optim).items()
    if inspect.isclass(kind) and issubclass(kind, torch.optim.Optimizer) and kind is not torch.optim.Optimizer
}


@checked
def optimizer_for(
    model: nn.Module,
    lr: float,
    momentum: float = 0.9,
    weight_decay: float = 5e-4,
    name: str = "sgd",
    layer_decay: float = 1.0,
) -> torch.optim.Optimizer:
    """An optimizer over all parameters; by default SGD with the constants customary in adversarial training.

    Args:
        model: whose parameters.
        lr: learning rate.
        momentum: of optimizers that have one.
        weight_decay: of optimizers that have one.
        name: a class of `torch.optim` in small letters, or a name that `timm.optim` knows.
        layer_decay: factor on the rate of a layer for each that is nearer to the head (`layers.layered`); 1 for none.

    Raises ValueError if there is no such optimizer, or it does not take this network or these numbers.
    """
    check_optimizer(name)
    if next(model.parameters(), None) is None:
        raise ValueError(f"{type(model).__name__} has no weights that could learn. Give the network itself.")
    weights = list(model.parameters()) if layer_decay == 1 else layered(model, weight_decay, layer_decay)
    if name not in _TORCH:
        return _of_timm(name, weights, lr, momentum, weight_decay)
    made: Any = _TORCH[name]
    settings = {"lr": lr, "momentum": momentum, "weight_decay": weight_decay}
    takes = inspect.signature(made).parameters
    return _made(name, lambda: made(weights, **{key: settings[key] for key in settings if key in takes}))


def check_optimizer(name: str) -> None:
    """Raises ValueError, with the nearest name, if there is no optimizer of this name."""
    if name in _NEEDS_MORE:
        raise ValueError(f"--optimizer {name} needs more than a gradient of every weight. Choose sgd or adamw.")
    if name in _TORCH or name in _timm_names():
        return
    known = [known for known in (*_TORCH, *_timm_names()) if known not in _NEEDS_MORE]
    near = get_close_matches(name.lower(), known, n=1, cutoff=0.0)[0]
    more = "" if _timm_names() else " With pip install 'robustdial[timm]' there are more."
    raise ValueError(f"There is no optimizer {name!r}. The nearest is {near!r}.{more}")


def check_rates(optimizer: torch.optim.Optimizer) -> None:
    """Raises ValueError if groups of the optimizer have rates that the training would not keep.

    The training sets the rate of every group before each batch: the rate at that time, times the group's `lr_scale`.
    """
    groups = optimizer.param_groups
    if len({float(group["lr"]) for group in groups if "lr_scale" not in group}) > 1:
        raise ValueError(
            "The groups of the optimizer have rates of their own, which the training sets anew before each batch. Give "
            "each group its factor on the rate of the training, such as 'lr_scale': 0.1."
        )
    if any("initial_lr" in group for group in groups):
        raise ValueError(
            "A scheduler of torch.optim has been put on this optimizer, and the training sets the rate itself. Give "
            "TrainState a rate, a function from progress in [0, 1] to a factor, or call train_batch in your own loop."
        )


def _timm_names() -> list[str]:
    try:
        timm = import_module("timm.optim")
    except ImportError:
        return []
    return [str(name) for name in timm.list_optimizers()]


def _of_timm(
    name: str, weights: list[nn.Parameter] | Groups, lr: float, momentum: float, weight_decay: float
) -> torch.optim.Optimizer:
    make = import_module("timm.optim").create_optimizer_v2
    return _made(name, lambda: make(weights, opt=name, lr=lr, momentum=momentum, weight_decay=weight_decay))


def _made(name: str, make: Callable[[], torch.optim.Optimizer]) -> torch.optim.Optimizer:
    try:
        return make()
    except (ValueError, TypeError, AssertionError, RuntimeError, ImportError) as error:
        why = " ".join(str(error).split())[:200]
        raise ValueError(f"--optimizer {name} does not take this ({why}). Choose another one, such as adamw.") from None
