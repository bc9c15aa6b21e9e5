"""Running a network at every width before it is trained at any: what has how many channels, and what cannot be cut."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from robustdial.dial.setting import Dial


class Gauge(nn.Module):
    """Stands in the place of a norm and notes how many channels pass at each width.

    Args:
        norm: the norm to put there afterwards.
        dial: where to read the setting.
        dim: which dimension holds its channels.
    """

    def __init__(self, norm: nn.Module, dial: Dial, dim: int) -> None:
        super().__init__()
        self.norm, self.dial, self.dim = norm, dial, dim
        self.channels: dict[int, int] = {}

    def forward(self, x: Tensor) -> Tensor:
        self.channels[self.dial.setting.level] = x.shape[self.dim]
        return x


@contextmanager
def at_rest(body: nn.Module) -> Iterator[None]:
    """Inside, the network is in evaluation mode and builds no graph; afterwards it is as it was."""
    modes = {module: module.training for module in body.modules()}
    body.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, mode in modes.items():
            module.training = mode


def last_called(body: nn.Module, example: Tensor, kinds: tuple[type[nn.Module], ...]) -> nn.Module | None:
    """The layer of these kinds that runs last: the classifier, whose outputs are classes and not channels."""
    called: list[nn.Module] = []
    hooks = [
        module.register_forward_pre_hook(lambda layer, _: called.append(layer))
        for module in body.modules()
        if isinstance(module, kinds)
    ]
    with at_rest(body):
        body(example)
    for hook in hooks:
        hook.remove()
    return called[-1] if called else None


def tried(body: nn.Module, example: Tensor, width: float) -> Tensor:
    """The network's logits. If it fails, ValueError names the layer in which it did."""
    inside: list[str] = []
    hooks = []

    def leave(module: nn.Module, given: tuple[Tensor, ...], out: Tensor) -> None:
        inside.pop()

    for name, module in body.named_modules():
        hooks.append(module.register_forward_pre_hook(lambda module, given, name=name: inside.append(name)))
        hooks.append(module.register_forward_hook(leave))
    try:
        with at_rest(body):
            logits: Tensor = body(example)
    except Exception as error:  # whatever a network of somebody else raises
        why = str(error).strip().partition("\n")[0]
        raise ValueError(refusal(body, inside[-1] if inside else "", width, why)) from error
    finally:
        for hook in hooks:
            hook.remove()
    return logits


def refusal(body: nn.Module, name: str, width: float, why: str) -> str:
    """Why a network cannot be run at a width, where, and the remedy."""
    layer = body.get_submodule(name)
    where = f"layer {name!r} ({type(layer).__name__})" if name else f"the forward of {type(layer).__name__}"
    return (
        f"This network cannot run at width {width:g}: {where} does not take fewer channels ({why.rstrip('.')}). "
        "Train it with widths=(1.0,), or name with slim=... the layers whose output may be cut."
    )
