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

_NEEDS_MORE = ("lbfgs", "sparseadam")  # a closure; sparse gradients
_TORCH = {
    name.lower(): kind
    for name, kind in vars(torch.optim).items()
    if inspect.isclass(kind) and issubclass(kind, torch.optim.Optimizer) and kind is not torch.optim.Optimizer
}


@checked
def optimizer_for(
    model: nn.Module, lr: float, momentum: float = 0.9, weight_decay: float = 5e-4, name: str = "sgd"
) -> torch.optim.Optimizer:
    """An optimizer over all parameters; by default SGD with the constants customary in adversarial training.

    Args:
        model: whose parameters.
        lr: learning rate.
        momentum: of optimizers that have one.
        weight_decay: of optimizers that have one.
        name: a class of `torch.optim` in small letters, or a name that `timm.optim` knows.

    Raises ValueError if there is no such optimizer, or it does not take this network or these numbers.
    """
    check_optimizer(name)
    if next(model.parameters(), None) is None:
        raise ValueError(f"{type(model).__name__} has no weights that could learn. Give the network itself.")
    if name not in _TORCH:
        return _of_timm(name, model, lr, momentum, weight_decay)
    made: Any = _TORCH[name]
    settings = {"lr": lr, "momentum": momentum, "weight_decay": weight_decay}
    takes = inspect.signature(made).parameters
    return _made(name, lambda: made(model.parameters(), **{key: settings[key] for key in settings if key in takes}))


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


def _timm_names() -> list[str]:
    try:
        timm = import_module("timm.optim")
    except ImportError:
        return []
    return [str(name) for name in timm.list_optimizers()]


def _of_timm(name: str, model: nn.Module, lr: float, momentum: float, weight_decay: float) -> torch.optim.Optimizer:
    make, weights = import_module("timm.optim").create_optimizer_v2, list(model.parameters())
    return _made(name, lambda: make(weights, opt=name, lr=lr, momentum=momentum, weight_decay=weight_decay))


def _made(name: str, make: Callable[[], torch.optim.Optimizer]) -> torch.optim.Optimizer:
    try:
        return make()
    except (ValueError, TypeError, AssertionError, RuntimeError, ImportError) as error:
        why = " ".join(str(error).split())[:200]
        raise ValueError(f"--optimizer {name} does not take this ({why}). Choose another one, such as adamw.") from None
