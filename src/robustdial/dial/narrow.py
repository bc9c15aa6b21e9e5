"""Plain layers cut to their leading channels."""

from __future__ import annotations

import copy
import math
from functools import singledispatch
from typing import TypeVar, cast

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from robustdial.dial.probe import at_rest

L = TypeVar("L", bound=nn.Module)


def leading(width: float, channels: int) -> int:
    """How many of `channels` a network of this width has, at least one.

    >>> leading(0.5, 64), leading(0.75, 3), leading(1 / 3, 3)
    (32, 3, 1)
    """
    return max(1, math.ceil(width * channels - 1e-9))


@singledispatch
def cut_norm(norm: nn.Module, channels: int) -> nn.Module:
    """A copy of a norm for the leading `channels`.

    Raises ValueError if they do not fill whole groups of a group norm; one group stays one.
    """
    cut = _cut_values(norm, channels)
    cut.num_features = channels  # type: ignore[assignment]
    return cut


@cut_norm.register(nn.LayerNorm)
@cut_norm.register(nn.RMSNorm)
def _(norm: nn.Module, channels: int) -> nn.Module:
    cut = _cut_values(norm, channels)
    cut.normalized_shape = (channels,)  # type: ignore[assignment]
    return cut


@cut_norm.register
def _(norm: nn.GroupNorm, channels: int) -> nn.Module:
    size = channels if norm.num_groups == 1 else norm.num_channels // norm.num_groups
    groups, rest = divmod(channels, size)
    if rest:
        raise ValueError(f"{channels} channels do not fill whole groups of {size}; choose other widths")
    cut = _cut_values(norm, channels)
    cut.num_channels, cut.num_groups = channels, groups  # type: ignore[assignment]
    return cut


def _cut_values(norm: nn.Module, channels: int) -> nn.Module:
    cut = copy.deepcopy(norm)
    for name, value in [*cut.named_parameters(recurse=False), *cut.named_buffers(recurse=False)]:
        if value.dim():  # not the number of batches
            _put(cut, name, value[:channels])
    return cut


def cut_conv(conv: nn.Conv2d, ins: int, outs: int, groups: int) -> nn.Conv2d:
    """A copy of a convolution from the leading `ins` to the leading `outs` channels."""
    cut = plain(conv)
    cut.in_channels, cut.out_channels, cut.groups = ins, outs, groups
    _put(cut, "weight", cut.weight[:outs, : ins // groups])
    if cut.bias is not None:
        _put(cut, "bias", cut.bias[:outs])
    return cut


def cut_linear(linear: nn.Linear, ins: int, outs: int) -> nn.Linear:
    """A copy of a linear layer from the leading `ins` to the leading `outs` features."""
    cut = plain(linear)
    cut.in_features, cut.out_features = ins, outs
    _put(cut, "weight", cut.weight[:outs, :ins])
    if cut.bias is not None:
        _put(cut, "bias", cut.bias[:outs])
    return cut


def plain(layer: L) -> L:
    """A copy of a layer with its weights as they are in evaluation, where a parametrization computes them.

    >>> type(plain(nn.utils.parametrizations.weight_norm(nn.Linear(2, 2)))).__name__
    'Linear'
    """
    if not parametrize.is_parametrized(layer):
        return copy.deepcopy(layer)
    # to remove the parametrizations of a copy would break the original, with which it shares its class
    kind: type[nn.Module] = parametrize.type_before_parametrizations(layer)
    own = cast(L, kind.__new__(kind))
    own.__dict__ = copy.deepcopy(layer.__dict__)
    del own.parametrizations
    with at_rest(layer):
        for name in cast(nn.ModuleDict, layer.parametrizations):
            setattr(own, name, nn.Parameter(getattr(layer, name).clone()))
    return own


def _put(layer: nn.Module, name: str, value: Tensor) -> None:
    own = value.detach().clone(memory_format=torch.contiguous_format)
    old = getattr(layer, name)
    setattr(layer, name, nn.Parameter(own, old.requires_grad) if isinstance(old, nn.Parameter) else own)
