"""What a norm computes, found by trying it: whether its statistics and its weights are used as they are."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from robustdial.dial.kinds import BATCH_NORMS, INSTANCE_NORMS, NORMS, channel_dim, channels_of
from robustdial.dial.modulated import unfused
from robustdial.dial.probe import at_rest


def normlike(module: nn.Module) -> bool:
    """Whether a layer follows the dial as a norm does: by its class, or because it scales by a weight per channel.

    >>> class RMS(nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.weight = nn.Parameter(torch.ones(8))
    ...     def forward(self, x):
    ...         return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-6) * self.weight
    >>> normlike(RMS()), normlike(nn.ReLU())
    (False, False)
    >>> normlike(type("RMSNorm", (RMS,), {})())
    True
    """
    return isinstance(module, NORMS) or (_called_norm(module) and folds(module))


def usual_batch_norm(norm: nn.Module) -> bool:
    """Whether a batch norm computes in evaluation what its class says, without a forward or a hook that changes it."""
    probe, generator = _noisy(norm)
    assert isinstance(probe, BATCH_NORMS)
    sides = ((), (2, 2), (1, 2, 2))[[isinstance(probe, kind) for kind in BATCH_NORMS].index(True)]
    x = torch.rand(2, probe.num_features, *sides, generator=generator).to(probe.weight)
    with at_rest(probe):
        wanted = F.batch_norm(x, probe.running_mean, probe.running_var, probe.weight, probe.bias, eps=probe.eps)
        return _same(probe(x), wanted)


def folds(norm: nn.Module) -> bool:
    """Whether scale and shift of a norm's output are those of its weight and bias, so that they can hold the dial.

    So it is not where the layer adds 1 to its weight, nor where a hook does something behind it.
    """
    probe, generator = _noisy(norm)
    weight, bias = probe.weight, getattr(probe, "bias", None)
    assert isinstance(weight, Tensor)
    scale, dim = 0.5 + torch.rand(len(weight), generator=generator).to(weight), channel_dim(norm)
    for x in _inputs(norm, len(weight), dim, generator):
        try:
            with at_rest(probe):
                before = probe(x.to(weight))
                weight.mul_(scale)
                if isinstance(bias, Tensor):
                    bias.mul_(scale)
                shape = [-1 if d == dim % before.dim() else 1 for d in range(before.dim())]
                return before.shape == x.shape and _same(probe(x.to(weight)), before * scale.reshape(shape))
        except (RuntimeError, ValueError, IndexError, AssertionError):  # it takes images of another shape
            continue
    return False


def _called_norm(module: nn.Module) -> bool:
    """Whether a layer calls itself a norm, and has one weight per channel and no statistics."""
    if "norm" not in type(module).__name__.lower():
        return False  # with no look at its weight: where that is computed, as by spectral norm, a look moves something
    weight = getattr(module, "weight", None)
    return isinstance(weight, nn.Parameter) and weight.dim() == 1 and not hasattr(module, "running_mean")


def _noisy(norm: nn.Module) -> tuple[nn.Module, torch.Generator]:
    """A copy of a norm alone, without what is fused behind it, whose every number is another one."""
    probe, generator = copy.deepcopy(norm), torch.Generator().manual_seed(0)
    unfused(probe)
    if getattr(probe, "weight", None) is None:  # what it would gain when it is baked
        for name in ("weight", "bias") if hasattr(probe, "bias") else ("weight",):
            setattr(probe, name, nn.Parameter(torch.ones(channels_of(probe))))
    probe.double()
    with torch.no_grad():
        for value in [*probe.parameters(recurse=False), *probe.buffers(recurse=False)]:
            if value.is_floating_point():
                value.copy_(0.5 + torch.rand(value.shape, generator=generator))
    return probe, generator


def _inputs(norm: nn.Module, channels: int, dim: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Noise in the shapes that a norm of so many channels may take."""
    if dim == -1:
        shapes: tuple[tuple[int, ...], ...] = ((2, 3, channels), (2, 3, 2, channels))
    elif isinstance(norm, INSTANCE_NORMS):
        sides = ((4,), (2, 2), (2, 2, 2))[[isinstance(norm, kind) for kind in INSTANCE_NORMS].index(True)]
        shapes = ((2, channels, *sides),)
    else:
        shapes = ((2, channels, 3, 3), (2, channels, 3))
    yield from (torch.rand(shape, generator=generator) for shape in shapes)


def _same(found: object, wanted: Tensor) -> bool:
    return (
        isinstance(found, Tensor)
        and found.shape == wanted.shape
        and torch.allclose(found, wanted, rtol=1e-3, atol=1e-5)
    )
