"""Running a network before it is trained: what has how many channels, what cannot be cut, what cannot follow."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.autograd.graph import Node
from torch.nn import functional as F
from torch.nn.utils import parametrize

from robustdial.dial.kinds import NO_FAST_PATH
from robustdial.dial.setting import Dial


class Gauge(nn.Module):
    """Stands in the place of a norm and notes how many channels pass at each width.

    Args:
        norm: the norm to put there afterwards.
        dial: where to read the setting.
        dim: which dimension holds its channels.
    """

    eps = NO_FAST_PATH

    def __init__(self, norm: nn.Module, dial: Dial, dim: int) -> None:
        super().__init__()
        self.norm, self.dial, self.dim = norm, dial, dim
        self.channels: dict[int, int] = {}

    def forward(self, x: Tensor) -> Tensor:
        self.channels[self.dial.setting.level] = x.shape[self.dim]
        return x


class Failure(Exception):
    """A network could not be run.

    Attributes:
        name: of the layer in which it failed; empty if between its layers.
        why: first sentence of what was raised.
    """

    def __init__(self, name: str, why: str) -> None:
        super().__init__(name, why)
        self.name, self.why = name, why


@contextmanager
def at_rest(body: nn.Module) -> Iterator[None]:
    """Inside, the network is in evaluation mode and builds no graph; afterwards it is as it was."""
    modes = {module: module.training for module in body.modules()}
    body.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        body.train()  # what a network keeps from an evaluation, as LeViT does, it forgets here
        for module, mode in modes.items():
            if module.training != mode:  # to set an attribute of a module takes long
                module.training = mode


@contextmanager
def buffers_kept(body: nn.Module) -> Iterator[None]:
    """Inside, the network has copies of its buffers; what is written into them is gone afterwards."""
    kept = [(part, name, buffer) for part in body.modules() for name, buffer in part.named_buffers(recurse=False)]
    for part, name, buffer in kept:
        setattr(part, name, buffer.clone())
    try:
        yield
    finally:
        for part, name, buffer in kept:
            setattr(part, name, buffer)


@contextmanager
def _located(body: nn.Module) -> Iterator[None]:
    """Inside, whatever the network raises becomes a Failure that names the layer."""
    try:
        yield
    except Exception as error:  # whatever a network of somebody else raises
        why = str(error).strip().partition("\n")[0].partition(". ")[0].rstrip(".")
        raise Failure(_innermost(body, error), why) from error


def _innermost(body: nn.Module, error: Exception) -> str:
    """Name of the layer that was running when an error was raised; of one inside another, the inner."""
    names = {module: name for name, module in body.named_modules()}
    running = [frame.f_locals.get("self") for frame, _ in traceback.walk_tb(error.__traceback__)]
    return next((names[part] for part in reversed(running) if isinstance(part, nn.Module) and part in names), "")


def run(body: nn.Module, x: Tensor) -> object:
    """What the network returns, in evaluation. Raises Failure."""
    with _located(body), at_rest(body):
        return body(x.clone())  # a network may write into its input


def where(name: str, layer: nn.Module) -> str:
    """A layer in words.

    >>> where("3", nn.ReLU()), where("", nn.Sequential())
    ("layer '3' (ReLU)", 'the forward of Sequential')
    """
    kind = type(layer).__name__
    return f"layer {name!r} ({kind})" if name else f"the forward of {kind}"


def heads(body: nn.Module, example: Tensor, kinds: tuple[type[nn.Module], ...]) -> set[nn.Module]:
    """The layers of these kinds with no other between them and the logits: what they give are classes, not channels."""
    made: dict[Node, nn.Module] = {}

    def note(layer: nn.Module, given: tuple[Tensor, ...], out: Tensor) -> None:
        if out.grad_fn is not None:
            made[out.grad_fn] = layer

    hooks = [module.register_forward_hook(note) for module in body.modules() if isinstance(module, kinds)]
    with at_rest(body), torch.enable_grad():
        logits: Tensor = body(example.detach().clone().requires_grad_().clone())  # not a leaf: it may be written to
    for hook in hooks:
        hook.remove()
    found, todo, seen = set(), [logits.grad_fn], set[Node]()
    while todo:
        node = todo.pop()
        if node in made:
            found.add(made[node])
        elif node is not None and node not in seen:
            seen.add(node)
            todo += [before for before, _ in node.next_functions]
    return found


def ordinary(layer: nn.Conv2d | nn.Linear) -> bool:
    """Whether a layer uses its weights as they are, so that they can be cut, or scaled in the place of its output.

    Weight-standardised convolutions and those with circular padding do not, nor those whose weights a hook computes
    before each call (pruning, the older norms of weights); parametrized ones do.

    >>> ordinary(nn.Conv2d(3, 4, 3)), ordinary(nn.Conv2d(3, 4, 3, padding=1, padding_mode="circular"))
    (True, False)
    """
    if not (parametrize.is_parametrized(layer) or isinstance(layer.weight, nn.Parameter)):
        return False
    with at_rest(layer):
        out, plain = _plainly(layer)
    return out.shape == plain.shape and torch.allclose(out, plain)


def _plainly(layer: nn.Conv2d | nn.Linear) -> tuple[Tensor, Tensor]:
    """What a layer gives on noise, and what its class says that it gives."""
    generator = torch.Generator().manual_seed(0)
    if isinstance(layer, nn.Linear):
        x = torch.rand(1, layer.in_features, generator=generator).to(layer.weight)
        return layer(x), F.linear(x, layer.weight, layer.bias)
    sides = (d * (k - 1) + 2 for d, k in zip(layer.dilation, layer.kernel_size, strict=True))
    x = torch.rand(1, layer.in_channels, *sides, generator=generator).to(layer.weight)
    plain = F.conv2d(x, layer.weight, layer.bias, layer.stride, layer.padding, layer.dilation, layer.groups)
    return layer(x), plain
