"""What `dial()` cannot take, and the remedy."""

from __future__ import annotations

import copy

import torch
from torch import nn

from robustdial.dial.kinds import BATCH_NORMS, NORMS, WEIGHTED
from robustdial.dial.probe import ordinary


def check_network(model: nn.Module) -> None:
    """Raises TypeError for a network whose layers cannot be exchanged, ValueError for one that is not built yet."""
    if isinstance(model, nn.DataParallel | nn.parallel.DistributedDataParallel):
        raise TypeError(f"A {type(model).__name__} holds the network. Give dial() what is inside: model.module.")
    if isinstance(model, torch.jit.ScriptModule):
        raise TypeError("This network is TorchScript, which has no layers to replace. Give dial() the Python network.")
    if any(type(module).__name__ == "OptimizedModule" for module in model.modules()):
        raise TypeError("This network is compiled. Give dial() the network itself, and compile what dial() returns.")
    lazy = next((name for name, weight in model.named_parameters() if nn.parameter.is_lazy(weight)), None)
    if lazy is not None:
        raise ValueError(f"Weight {lazy!r} is not built yet. Call the network once on some images before dial().")


def copied(model: nn.Module) -> nn.Module:
    """A deep copy. Raises ValueError if the network holds tensors of an earlier forward pass."""
    try:
        return copy.deepcopy(model)
    except RuntimeError as error:
        raise ValueError(
            f"This {type(model).__name__} cannot be copied, because it holds tensors computed from its weights. Call "
            "model.train() and then model.eval(), which drops those of an earlier forward pass; weight norm should be "
            "that of torch.nn.utils.parametrizations."
        ) from error


def check_site(name: str, module: nn.Module) -> None:
    """Raises ValueError or TypeError for a layer that cannot follow the dial."""
    kind = type(module).__name__
    if not isinstance(module, NORMS + WEIGHTED):
        raise TypeError(
            f"Layer {name!r} is a {kind}; batch, layer, group and instance norms, convolutions and linear layers can "
            "follow the dial. Leave it out of sites."
        )
    if isinstance(module, BATCH_NORMS) and module.running_mean is None:
        raise ValueError(f"Layer {name!r} keeps no running statistics. Build it with track_running_stats=True.")
    if isinstance(module, nn.LayerNorm) and len(module.normalized_shape) > 1:
        raise TypeError(
            f"Layer {name!r} normalises over {tuple(module.normalized_shape)} at once: it has no affine weights per "
            "channel. Leave it out of sites."
        )
    if isinstance(module, WEIGHTED) and not hasattr(module, "gain") and not ordinary(module):
        raise TypeError(
            f"Layer {name!r} ({kind}) computes something else than an ordinary convolution or linear layer, so its "
            "weights cannot hold what the dial does. Leave it out of sites."
        )


def check_some_norm_is_known(model: nn.Module) -> None:
    """Raises TypeError for a network whose norms are all of a kind that cannot follow the dial."""
    for name, module in model.named_modules():
        if "norm" in type(module).__name__.lower() and next(module.parameters(recurse=False), None) is not None:
            raise TypeError(
                f"Layer {name!r} ({type(module).__name__}) cannot follow the dial; batch, layer, group and instance "
                "norms can. Build the network with one of these, or name other layers with sites=..., for example its "
                "convolutions."
            )
