"""Batch norms folded into the convolutions before them: the same function in fewer passes over memory."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, fx, nn
from torch.nn.utils import fuse_conv_bn_weights

_ROWS = 8  # of a batch, on which a folding is tried


def folded(model: nn.Module) -> nn.Module:
    """A copy of a network in evaluation mode, its batch norms folded into the convolutions before them.

    The logits are those of `model` to rounding; what attacks the copy runs faster, by a fifth on a ResNet. A batch norm
    stays where its convolution is called twice or has other readers, and all stay in a network whose calls cannot be
    followed (it branches on its input, say). A network with a dial is baked first.

    Raises:
        ValueError: `model` is in training mode, where batch norms are not affine maps.

    >>> net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.BatchNorm2d(4)).eval()
    >>> [type(layer).__name__ for layer in folded(net)]
    ['Conv2d', 'Identity', 'ReLU', 'BatchNorm2d']
    """
    if any(layer.training for layer in model.modules()):
        raise ValueError(
            "The network is in training mode, whose batch norms cannot be folded. Call model.eval() first."
        )
    model = copy.deepcopy(model)
    pairs = tuple(_pairs(model))
    for pair in pairs:
        pair.update()
    _put(model, pairs)
    return model


class Pair(NamedTuple):
    """A convolution and the batch norm that alone reads it, with what stands for both."""

    places: tuple[str, str]
    layers: tuple[nn.Conv2d, nn.BatchNorm2d]
    instead: tuple[nn.Conv2d, nn.Identity]

    @torch.no_grad()
    def update(self) -> None:
        """Fold the weights and statistics that the two have now."""
        conv, norm = self.layers
        mean, var = norm.running_mean, norm.running_var
        assert mean is not None and var is not None, "a norm without statistics is no pair"
        fused = fuse_conv_bn_weights(conv.weight, conv.bias, mean, var, norm.eps, norm.weight, norm.bias)
        self.instead[0].weight, self.instead[0].bias = fused


@dataclass(frozen=True)
class Folding:
    """What can be folded in a network while its weights stand still, and unfolded again.

    Args:
        model: the network itself, not a copy: whatever else changes in it is seen.
        pairs: its layers.
    """

    model: nn.Module
    pairs: tuple[Pair, ...]

    @classmethod
    def tried(cls, model: nn.Module, ask: Callable[[Tensor], Tensor], x: Tensor) -> Folding:
        """The folding of a network in evaluation mode, whose logits are `ask(images)`.

        Empty if logits or gradients on `x` `[B, C, H, W]` are not the same to rounding, as with a hook that reads the
        convolution.
        """
        with torch.random.fork_rng([x.device] if x.is_cuda else []):  # looking at it spends no number of the run
            found = cls(model, tuple(_pairs(model)))
            if not found.pairs:
                return found
            before = _answers(ask, x[:_ROWS])
            with found.applied():
                after = _answers(ask, x[:_ROWS])
        return found if _alike(before, after) else cls(model, ())

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Inside, the network is folded, in place; its weights and statistics may not move, nor be asked for."""
        for pair in self.pairs:
            pair.update()
        try:
            _put(self.model, self.pairs)
            yield
        finally:
            for pair in self.pairs:
                for place, layer in zip(pair.places, pair.layers, strict=True):
                    self.model.set_submodule(place, layer)


def alike(one: Callable[[Tensor], Tensor], other: Callable[[Tensor], Tensor], x: Tensor) -> bool:
    """Whether logits and gradients on images `x` `[B, C, H, W]` are the same to rounding."""
    with torch.random.fork_rng([x.device] if x.is_cuda else []):
        return _alike(_answers(one, x[:_ROWS]), _answers(other, x[:_ROWS]))


def _put(model: nn.Module, pairs: tuple[Pair, ...]) -> None:
    for pair in pairs:
        for place, layer in zip(pair.places, pair.instead, strict=True):
            model.set_submodule(place, layer)


def _answers(ask: Callable[[Tensor], Tensor], x: Tensor) -> tuple[Tensor, Tensor]:
    """Logits, and a gradient of them with respect to the images."""
    torch.manual_seed(0)  # a network that draws in evaluation mode draws the same twice
    with torch.enable_grad(), torch.autocast(x.device.type, enabled=False):
        images = x.detach().clone().requires_grad_()
        logits = ask(images.clone())
        ways = torch.linspace(-1, 1, logits[0].numel(), device=x.device, dtype=logits.dtype).view_as(logits[0])
        return logits.detach(), torch.autograd.grad((logits * ways).sum(), images)[0]


def _alike(before: tuple[Tensor, Tensor], after: tuple[Tensor, Tensor]) -> bool:
    return all(
        bool((one - other).abs().max() <= 1e-3 * one.abs().max()) for one, other in zip(before, after, strict=True)
    )


def _pairs(model: nn.Module) -> Iterator[Pair]:
    for places in _neighbours(model):
        conv, norm = (model.get_submodule(place) for place in places)
        if (
            type(conv) is nn.Conv2d
            and type(conv.weight) is nn.Parameter  # not one that is divided among processes
            and type(norm) is nn.BatchNorm2d
            and norm.running_var is not None
        ):
            yield Pair(places, (conv, norm), (copy.deepcopy(conv), nn.Identity().eval()))


def _neighbours(model: nn.Module) -> Iterator[tuple[str, str]]:
    """Names of two layers, each called once, of which the second alone reads what the first gives."""
    try:
        nodes = fx.Tracer().trace(model).nodes
    except Exception:  # whatever the network's own code makes of a stand-in for images
        return
    calls = [node for node in nodes if node.op == "call_module"]
    # a weight that the network reads by itself, too
    touched = {str(node.target).rpartition(".")[0] for node in nodes if node.op == "get_attr"}
    times = Counter(id(model.get_submodule(str(node.target))) for node in calls)
    once = {
        node
        for node in calls
        if times[id(model.get_submodule(str(node.target)))] == 1 and str(node.target) not in touched
    }
    for node in once:
        readers = list(node.users)
        if len(readers) == 1 and readers[0] in once:
            yield str(node.target), str(readers[0].target)
