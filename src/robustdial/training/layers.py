"""Layer decay: weights that are further from the head learn at a lower rate."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any

from torch import nn
from torch.nn import Parameter

Groups = list[dict[str, Any]]
"""Parameter groups for an optimizer."""


def layered(model: nn.Module, weight_decay: float, decay: float) -> Groups:
    """The weights in groups, each with its `lr_scale`: `decay` to the power of its layer's distance from the head.

    Layers are those that the network names itself: by `group_matcher`, as those of timm and the reference networks with
    residual blocks do. What belongs to no layer goes with the head; what a dial has put into a layer goes
    with that layer. Vectors (biases, norms) and what the network's `no_weight_decay` names do not decay.

    Source: Bao et al., BEiT: BERT Pre-Training of Image Transformers, ICLR 2022, as in
    `timm.optim.param_groups_layer_decay`.

    Raises ValueError if the network names no layers, or timm is not installed.
    """
    body = next((part for part in model.modules() if callable(getattr(part, "group_matcher", None))), None)
    if body is None:
        raise ValueError(
            f"{type(_innermost(model)).__name__} does not say which of its layers come first, as layer decay asks. "
            "Choose a network of timm (timm:NAME), give yours a group_matcher as those have, or leave layer decay out."
        )
    try:
        group: Any = import_module("timm.optim").param_groups_layer_decay
    except ImportError:
        raise ValueError(
            "Layer decay needs the timm library. Install it with: pip install 'robustdial[timm]'"
        ) from None
    spared: Any = getattr(body, "no_weight_decay", tuple)()
    groups: Groups = group(body, weight_decay, no_weight_decay_list=spared, layer_decay=decay)
    return [*groups, *_others(model, groups, weight_decay)]


def _others(model: nn.Module, groups: Groups, weight_decay: float) -> Iterator[dict[str, Any]]:
    """The weights that are in none of the groups, at the rate of the head."""
    known = {weight for group in groups for weight in group["params"]}
    others: list[Parameter] = [w for w in model.parameters() if w.requires_grad and w not in known]
    for some, decays in (([w for w in others if w.ndim > 1], weight_decay), ([w for w in others if w.ndim <= 1], 0.0)):
        if some:
            yield {"params": some, "lr_scale": 1.0, "weight_decay": decays}


def _innermost(model: nn.Module) -> nn.Module:
    """The network itself, without what is wrapped around it to normalise images or to dial."""
    inner = getattr(model, "body", None) or getattr(model, "net", None)
    return _innermost(inner) if isinstance(inner, nn.Module) else model
