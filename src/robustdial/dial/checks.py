"""What `dial()` cannot take, and the remedy."""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Iterable
from types import MethodType
from typing import TypeVar

import torch
from torch import nn

from robustdial.checks import default_device
from robustdial.dial.kinds import BATCH_NORMS, NORMS, WEIGHTED
from robustdial.dial.norms import folds, normlike, usual_batch_norm
from robustdial.dial.probe import at_rest, ordinary
from robustdial.logits import first_line

M = TypeVar("M", bound=nn.Module)

LINE = "A dial in weight space takes any network: Line().put_on(net), on the command line --dial line."
"""The remedy where layers cannot follow a dial."""


def check_network(model: nn.Module) -> None:
    """Raises TypeError for a network whose layers cannot be exchanged, ValueError for one that is not built yet, or if
    the default device is not the CPU."""
    default_device()
    if isinstance(model, nn.DataParallel | nn.parallel.DistributedDataParallel):
        raise TypeError(f"A {type(model).__name__} holds the network. Give dial() what is inside: model.module.")
    if isinstance(model, torch.jit.ScriptModule):
        raise TypeError("This network is TorchScript, which has no layers to replace. Give dial() the Python network.")
    if any(type(module).__name__ == "OptimizedModule" for module in model.modules()):
        raise TypeError("This network is compiled. Give dial() the network itself, and compile what dial() returns.")
    lazy = next((name for name, weight in model.named_parameters() if nn.parameter.is_lazy(weight)), None)
    if lazy is not None:
        raise ValueError(f"Weight {lazy!r} is not built yet. Call the network once on some images before dial().")
    if any(weight.is_meta for weight in model.parameters()):
        raise ValueError(
            "The weights are on meta, without numbers. Call model.to_empty(device='cpu') and load some, before dial()."
        )


def copied(model: M) -> M:
    """A deep copy. Raises ValueError if there can be none, as of tensors of an earlier forward pass, or of a lock."""
    try:
        return _deepcopy(model)
    except Exception:  # whatever the network holds
        with at_rest(model):  # which makes a network forget what it keeps from an evaluation
            pass
    try:
        return _deepcopy(model)
    except Exception as error:
        raise ValueError(
            f"This {type(model).__name__} cannot be copied ({first_line(error)}). If it holds tensors computed from "
            "its weights, call model.train() and then model.eval(), which drops those of an earlier forward pass; "
            "weight norm should be that of torch.nn.utils.parametrizations, and pruning made permanent with "
            "prune.remove(layer, 'weight'). Open files, locks and threads belong outside of a network."
        ) from error


def _deepcopy(model: M) -> M:
    """`copy.deepcopy(model)` in two thirds of its time: every module has a dozen dicts for hooks, and it is told in
    advance what becomes of those that are empty."""
    kept = (value for part in model.modules() for value in vars(part).values())
    with torch.no_grad():  # else the weights of a TorchScript layer would hang on those that they are copied from
        made = copy.deepcopy(model, {id(v): type(v)() for v in kept if type(v) in (dict, OrderedDict, set) and not v})
    for weight, like in zip(made.parameters(), model.parameters(), strict=True):
        weight.requires_grad_(like.requires_grad)
    return made


def check_site(name: str, module: nn.Module) -> None:
    """Raises ValueError or TypeError for a layer that cannot follow the dial."""
    kind = type(module).__name__
    if not name:
        raise TypeError(
            f"The network is one layer, a {kind}, which cannot be replaced in itself. Give dial() nn.Sequential(layer)."
        )
    if not isinstance(module, WEIGHTED) and not normlike(module):
        raise TypeError(
            f"Layer {name!r} is a {kind}; norms with a weight per channel, convolutions and linear layers can follow "
            f"the dial. Leave it out of sites. {LINE}"
        )
    if isinstance(module, BATCH_NORMS) and module.running_mean is None:
        raise ValueError(f"Layer {name!r} keeps no running statistics. Build it with track_running_stats=True.")
    if isinstance(module, nn.LayerNorm | nn.RMSNorm) and len(module.normalized_shape) > 1:
        raise TypeError(
            f"Layer {name!r} normalises over {tuple(module.normalized_shape)} at once: it has no affine weights per "
            f"channel. Leave it out of sites. {LINE}"
        )
    if isinstance(module, BATCH_NORMS) and not usual_batch_norm(module):
        raise TypeError(
            f"Layer {name!r} ({kind}) computes something else than a batch norm, by a forward of its own or a hook, "
            f"which the dial would pass by. Leave it out of sites, or take the hook off. {LINE}"
        )
    if isinstance(module, NORMS) and not isinstance(module, BATCH_NORMS) and not folds(module):
        raise TypeError(
            f"Layer {name!r} ({kind}) does not use its weight and bias as they are, as a norm of its class does (it "
            f"adds 1, say, or a hook changes its output), so they cannot hold the dial. Leave it out of sites. {LINE}"
        )
    if isinstance(module, WEIGHTED) and not hasattr(module, "gain") and not ordinary(module):
        raise TypeError(
            f"Layer {name!r} ({kind}) computes something else than an ordinary convolution or linear layer, so its "
            f"weights cannot hold what the dial does. Leave it out of sites. {LINE}"
        )


def check_some_norm_is_known(model: nn.Module) -> None:
    """Raises TypeError for a network whose norms are all of a kind that cannot follow the dial."""
    for name, module in model.named_modules():
        if "norm" in type(module).__name__.lower() and next(module.parameters(recurse=False), None) is not None:
            raise TypeError(
                f"Layer {name!r} ({type(module).__name__}) cannot follow the dial; batch, layer, group, instance and "
                "RMS norms can. Build the network with one of these, or name other layers with sites=..., for example "
                f"its convolutions. {LINE}"
            )


def check_nothing_hidden(model: nn.Module) -> None:
    """Raises ValueError for a norm that a network keeps in a plain list or dict, where no dial can reach it, and for
    a method of a layer that it keeps beside the layer."""
    registered = set(model.modules())
    for name, owner in model.named_modules():
        for attribute, value in vars(owner).items():
            if isinstance(value, MethodType) and isinstance(value.__self__, (*NORMS, *WEIGHTED)):
                raise ValueError(_bound(name, attribute, value.__self__))
            for kept in _kept_in(value) if not attribute.startswith("_") else ():
                inside = [kept] if kept in registered else list(kept.modules())
                hidden = next((module for module in inside if isinstance(module, NORMS)), None)
                if hidden is not None:
                    place = f"{name}.{attribute}" if name else attribute
                    raise ValueError(
                        f"{place!r} is a plain {type(value).__name__} that holds a {type(hidden).__name__}, which the "
                        "dial cannot replace there. Keep layers in nn.ModuleList or nn.ModuleDict."
                    )


def _bound(name: str, attribute: str, layer: nn.Module) -> str:
    place = f"{name}.{attribute}" if name else attribute
    return (
        f"{place!r} is a method of a {type(layer).__name__}, which would go on being called when the dial has replaced "
        "that layer. Keep the layer itself, and call it."
    )


def _kept_in(value: object) -> list[nn.Module]:
    """Modules in a plain container."""
    items: Iterable[object] = value.values() if isinstance(value, dict) else ()
    items = value if isinstance(value, list | tuple | set) else items
    return [item for item in items if isinstance(item, nn.Module)]
