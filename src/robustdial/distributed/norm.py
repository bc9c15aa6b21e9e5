"""Batch norms whose statistics are those of the whole batch, over all processes."""

from __future__ import annotations

from functools import cache
from typing import Any, cast

import torch
from torch import Tensor, nn

from robustdial.distributed.world import World
from robustdial.logits import single

_KINDS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
BatchNorm = nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d


def synchronised(model: nn.Module, world: World) -> None:
    """Let every batch norm of `model` learn with the statistics of all processes' rows, in place.

    Forward, backward and second derivatives are those of one process with all the rows; so are the running statistics.
    Unlike `torch.nn.SyncBatchNorm` it runs on any device, keeps what a subclass does after its affine map (timm fuses
    activations into its norms), and takes a process without rows, which must call the layer all the same.
    """
    for module in model.modules():
        if isinstance(module, _KINDS):
            module.__class__ = _meeting(type(module))  # type: ignore[assignment, arg-type]
            cast(_Meeting, module).world = world


def meets(norm: nn.Module) -> bool:
    """Whether a norm meets those of other processes: then all must call it, or none."""
    return isinstance(norm, _Meeting)


def local_statistics(model: nn.Module) -> list[Tensor]:
    """Running statistics that this process gathers from its own rows."""
    return [s for norm in _local(model) for s in (norm.running_mean, norm.running_var) if s is not None]


def local_counts(model: nn.Module) -> list[Tensor]:
    """How many batches this process has seen, in each batch norm that gathers its own statistics."""
    return [norm.num_batches_tracked for norm in _local(model) if norm.num_batches_tracked is not None]


def _local(model: nn.Module) -> list[BatchNorm]:
    return [module for module in model.modules() if isinstance(module, _KINDS) and not meets(module)]


class _Meeting(nn.Module):
    """What a batch norm's class becomes; its name, weights and statistics stay."""

    world: World

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return cast(Tensor, super().forward(x))
        norm = cast(BatchNorm, self)
        out = _normalised(norm, x, self.world)
        for name in ("drop", "act"):  # timm's
            step = getattr(self, name, None)
            out = out if step is None else step(out)
        return out


@cache
def _meeting(kind: type[nn.Module]) -> type[nn.Module]:
    return type(f"Synchronised{kind.__name__}", (_Meeting, kind), {})


def _normalised(norm: BatchNorm, x: Tensor, world: World) -> Tensor:
    shape, wide = [1, -1, *[1] * (x.dim() - 2)], single(x)
    number, mean, var = _whole(wide, world)
    _follow(norm, number.detach(), mean.detach(), var.detach())
    scale = torch.rsqrt(var + norm.eps)
    scale = scale if norm.weight is None else scale * norm.weight
    shift = -mean * scale if norm.bias is None else norm.bias - mean * scale
    return torch.addcmul(shift.view(shape), wide, scale.view(shape)).to(x.dtype)


def _whole(x: Tensor, world: World) -> tuple[Tensor, Tensor, Tensor]:
    """Number of values per channel, their mean and their variance `[C]`, over all processes.

    Each process brings its own mean and variance, which are then combined: a sum of squares would lose digits.
    """
    dims, number = [0, *range(2, x.dim())], x.numel() // max(x.shape[1], 1)
    if number:
        var, mean = torch.var_mean(x, dims, correction=0)
    else:  # nothing to look at, but the gradient of nothing is asked for too
        mean = var = x.sum(dims)
    own = torch.cat([x.new_full((1,), float(number)), mean, var])[None]
    zeros = own.new_zeros(world.size, own.shape[1])
    table = _Sum.apply(torch.cat([zeros[: world.rank], own, zeros[world.rank + 1 :]]), world)
    share = table[:, :1] / table[:, :1].sum().clamp_min(1)
    means, variances = table[:, 1:].chunk(2, dim=1)
    mean = (share * means).sum(0)
    return table[:, 0].sum(), mean, (share * (variances + (means - mean).square())).sum(0)


@torch.no_grad()
def _follow(norm: BatchNorm, number: Tensor, mean: Tensor, var: Tensor) -> None:
    """Let the running statistics follow; nothing where no process had a row."""
    if norm.running_mean is None or norm.running_var is None or norm.num_batches_tracked is None:
        return
    seen = number > 0
    norm.num_batches_tracked += seen
    batches = norm.num_batches_tracked.clamp_min(1).to(mean.dtype)
    pace = seen * (1 / batches if norm.momentum is None else torch.full_like(number, norm.momentum))
    unbiased = var * (number / (number - 1).clamp_min(1))
    for running, now in ((norm.running_mean, mean), (norm.running_var, unbiased)):
        running.lerp_(now.to(running.dtype), pace.to(running.dtype))


class _Sum(torch.autograd.Function):
    """A sum over processes, whose derivative is a sum over processes: as often differentiable as one likes."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, world: World) -> Tensor:
        ctx.world = world
        return world.sum(values)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        return _Sum.apply(gradient, ctx.world), None
