"""A network whose weights, gradients and optimizer are divided among processes: FSDP2 of PyTorch, `fully_shard`.

Weights of a block come together where it is called, forward and backward, and are let go after it. So all processes
must call the network as often as each other, and every weight of a block must take part in its backward: a process that
has no row for a branch of a dial would bring fewer gradients than the others.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

_BLOCK = 1 / 16
"""Share of the weights from which on a block is divided by itself; what is left over comes together as one."""


def divide(model: nn.Module, device: torch.device, processes: int) -> None:
    """Divide the weights of a network among all processes, in place, block by block, onto `device`.

    An optimizer is made afterwards, of the divided weights. Such a network cannot be copied.

    Raises ValueError if PyTorch is too old for it.
    """
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import FSDPModule, fully_shard

    if not hasattr(FSDPModule, "set_reshard_after_forward"):
        raise ValueError(
            f"PyTorch {torch.__version__} cannot divide weights. Install a newer one: pip install -U torch."
        )
    mesh = init_device_mesh(device.type, (processes,))
    for block in blocks(model):
        fully_shard(block, mesh=mesh, reshard_after_forward=True)
        block.register_forward_hook(_take_part, prepend=True)  # while the weights are here
    model.to(device)  # buffers


def blocks(model: nn.Module) -> list[nn.Module]:
    """The blocks to be divided by themselves, inner ones first, and the whole network at the end.

    A block is one of a row of modules, and has layers in it. Layers are none: some networks take the weights of a layer
    without calling it. What stands beside a row, such as the part of a dial in a layer, may give more than one tensor.

    >>> inner = nn.Sequential(nn.Linear(9, 9), nn.ReLU())
    >>> [type(block).__name__ for block in blocks(nn.Sequential(inner, nn.Linear(9, 2), nn.ReLU()))]
    ['Sequential', 'Sequential']
    """
    least, found = _BLOCK * _numel(model), []

    def walk(module: nn.Module, in_a_row: bool) -> int:
        """How many numbers of a module no block of it holds."""
        children = [] if isinstance(module, nn.MultiheadAttention) else list(module.children())
        row = isinstance(module, nn.Sequential | nn.ModuleList)
        held = _numel(module) - sum(_numel(child) for child in children)
        left = held + sum(walk(child, row) for child in children)
        if not (in_a_row and children and left >= least) or isinstance(module, nn.ModuleList):
            return left
        found.append(module)
        return 0

    walk(model, False)
    return [*dict.fromkeys(found), model]


@contextmanager
def gathered(*networks: nn.Module) -> Iterator[None]:
    """Inside, the weights of divided networks are whole in every process, which may call them as often as it likes."""
    every = dict.fromkeys(part for network in networks for part in network.modules())
    parts: list[Any] = [part for part in every if is_divided(part)]
    for part in parts:
        _kept(part, True)
        part.unshard()
    try:
        yield
    finally:
        for part in parts:
            part.reshard()
            _kept(part, False)


def is_divided(module: nn.Module) -> bool:
    """Whether a module is a block that was divided."""
    return hasattr(module, "unshard")


def whole(value: Tensor) -> Tensor:
    """A divided tensor put together, on the CPU; another one as it is. All processes call it."""
    together: Tensor = value.full_tensor().cpu() if hasattr(value, "full_tensor") else value  # type: ignore[operator]
    return together


def divided_as(value: Tensor, like: Tensor) -> Tensor:
    """A whole tensor, divided as another one is; as it is where that one is whole. All processes call it."""
    place: Any = like
    if not hasattr(place, "placements"):
        return value
    from torch.distributed.tensor import distribute_tensor

    divided: Tensor = distribute_tensor(value.to(like.device), place.device_mesh, place.placements)
    return divided


def _kept(part: Any, keep: bool) -> None:
    part.set_reshard_after_forward(not keep, recurse=False)
    part.set_reshard_after_backward(not keep, recurse=False)


def _take_part(block: nn.Module, _: Any, out: Any) -> Any:
    """Let every weight of a block that learns have a gradient in every process, be it zero."""
    weights = [weight.flatten()[:0] for weight in _own(block) if weight.requires_grad]
    if not weights or not torch.is_grad_enabled() or not isinstance(out, Tensor):
        return out
    return out + torch.cat(weights).sum().to(out.dtype)  # of no numbers: exactly zero


def _own(block: nn.Module) -> Iterator[nn.Parameter]:
    """The weights that come together with a block."""
    yield from block.parameters(recurse=False)
    for child in block.children():
        if not is_divided(child):
            yield from _own(child)


def _numel(module: nn.Module) -> int:
    return sum(weight.numel() for weight in module.parameters())
