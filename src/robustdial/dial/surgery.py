"""`dial(model, dials)`: any batch-norm classifier becomes a dialed one."""

from __future__ import annotations

import copy
from collections.abc import Callable

from torch import nn

from robustdial.dial.dials import Dials
from robustdial.dial.film import NoFiLM
from robustdial.dial.layers import DialNorm
from robustdial.dial.model import Dialed
from robustdial.dial.setting import Dial

Sites = Callable[[str, nn.Module], bool]
"""(name, module) to whether this layer follows the dial."""


def batch_norms(name: str, module: nn.Module) -> bool:
    """The default sites: every batch norm."""
    return isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d)


def everywhere(name: str, module: nn.Module) -> bool:
    """The default sites of FiLM: every site of the dial."""
    return True


def dial(model: nn.Module, dials: Dials | None = None, sites: Sites = batch_norms, film: Sites = everywhere) -> Dialed:
    """A copy of `model` whose batch norms follow the dial; weights are kept.

    Args:
        model: a classifier from images in [0, 1] to logits, with batch norm.
        dials: what the dial offers; `Dials()` by default.
        sites: which of its layers to replace.
        film: which of the sites get FiLM; the others only choose their statistics.

    Raises:
        ValueError: if no site is found, or a site keeps no running statistics.
        TypeError: if a site is not a batch norm, or the model is dialed already.

    >>> from torch import nn
    >>> model = dial(nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Flatten(), nn.Linear(8 * 36, 10)))
    >>> type(model.bake(0.4)[1]).__name__
    'BatchNorm2d'
    """
    if any(isinstance(module, DialNorm) for module in model.modules()):
        raise TypeError("This model has a dial already. Give dial() the plain network, for example model.bake(lam).")
    dials = dials or Dials()
    shared, body = Dial(), copy.deepcopy(model)
    code = dials.encoding.table(dials.lambdas).shape[1]
    replaced: dict[nn.Module, DialNorm] = {}  # a layer used in two places stays one layer
    for name, module in list(body.named_modules(remove_duplicate=False)):
        if not sites(name, module):
            continue
        _check_site(name, module)
        if module not in replaced:
            conditioner = dials.conditioner if film(name, module) else NoFiLM()
            replaced[module] = DialNorm(module, shared, conditioner, code, len(dials.widths), dials.dual)  # type: ignore[arg-type]
        body.set_submodule(name, replaced[module])
    if not replaced:
        raise ValueError(
            f"{type(model).__name__} has no batch norm that could follow the dial. "
            "Use a network with BatchNorm layers, or name the layers with sites=..."
        )
    return Dialed(body, shared, dials)


def _check_site(name: str, module: nn.Module) -> None:
    if not batch_norms(name, module):
        raise TypeError(
            f"Layer {name!r} is a {type(module).__name__}; only batch norm can follow the dial. Leave it out of sites."
        )
    if getattr(module, "running_mean", None) is None:
        raise ValueError(f"Layer {name!r} keeps no running statistics. Build it with track_running_stats=True.")
