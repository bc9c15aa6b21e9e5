"""Defences that look robust and are not, each a few lines around an honest network, and what must be said of them."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Around(nn.Module):
    """A network, with something done to its images before and to its logits after."""

    def __init__(self, net: nn.Module, before: Callable[[Tensor], Tensor], after: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.net, self.before, self.after = net, before, after
        self.training = False

    def forward(self, x: Tensor) -> Tensor:
        return self.after(self.net(self.before(x)))


def same(x: Tensor) -> Tensor:
    return x


def levels(x: Tensor) -> Tensor:
    """Four levels of grey: the gradient is zero everywhere."""
    return (x * 3).round() / 3


def straight_through(x: Tensor) -> Tensor:
    """Four levels, with a made-up gradient."""
    return x + (levels(x) - x).detach()


def blocks(x: Tensor) -> Tensor:
    """What JPEG does: a cosine transform of 4x4 blocks, its coefficients rounded."""
    k = torch.arange(4.0)
    basis = torch.cos(torch.pi * (2 * k + 1) * k[:, None] / 8) * torch.where(k == 0, 0.5, 0.5**0.5)[:, None]
    tiles = x.unfold(2, 4, 4).unfold(3, 4, 4)
    coefficients = ((basis @ tiles @ basis.T) * 4).round() / 4
    back = basis.T @ coefficients @ basis
    return back.permute(0, 1, 2, 4, 3, 5).reshape(x.shape)


def resized(x: Tensor) -> Tensor:
    """Enlarged by a pixel or not, and padded to two more than before, at random."""
    side = x.shape[3] + int(torch.randint(2, ()))
    rest = x.shape[3] + 2 - side
    left, top = (int(torch.randint(rest + 1, ())) for _ in range(2))
    return F.pad(F.interpolate(x, (side, side), mode="nearest"), (left, rest - left, top, rest - top))


def noisy(x: Tensor) -> Tensor:
    return x + 0.05 * torch.randn_like(x)


def rippled(x: Tensor) -> Tensor:
    """Images of 17 levels, and changes of two levels, pass; what lies between is moved far away."""
    return x + 0.5 * (16 * torch.pi * x).sin()


def dropped(logits: Tensor) -> Tensor:
    """Dropout that takes no notice of the mode."""
    return F.dropout(logits, 0.1, training=True)


class Backward(torch.autograd.Function):
    """The identity, with another gradient."""

    @staticmethod
    def forward(ctx, x, change):
        ctx.change = change
        return x.clone()

    @staticmethod
    def backward(ctx, gradient):
        return ctx.change(gradient), None


def with_gradient(change: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    return lambda x: Backward.apply(x, change)


def exchanged(logits: Tensor) -> Tensor:
    """The logits of the classes 3 and 5 in each other's place, as after sorting names in another way."""
    return logits[:, [0, 1, 2, 5, 4, 3, 6, 7, 8, 9]]


def pushed(logits: Tensor) -> Tensor:
    """The answer a hundred and twenty ahead of all others, the rest as it was."""
    return logits + 120 * F.one_hot(logits.argmax(1), logits.shape[1])


class Purified(nn.Module):
    """The images moved by a step of their own before they are classified."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net, self.training = net, False

    def forward(self, x: Tensor) -> Tensor:
        start = x.detach().requires_grad_()
        with torch.enable_grad():
            (gradient,) = torch.autograd.grad(self.net(start).amax(1).sum(), start)
        return self.net(x + 0.05 * gradient.sign())


def batch_statistics(net: nn.Module) -> nn.Module:
    """Batch norms that keep no running statistics: the same in both modes."""
    net = copy.deepcopy(net)
    for layer in net.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_mean = layer.running_var = None
    return net.eval()


class Broken(NamedTuple):
    """A defence and what is said of it."""

    make: Callable[[nn.Module], Callable[[Tensor], Tensor]]
    """From an honest network, in evaluation mode."""
    must: frozenset[str]
    """Checks that are raised."""
    may: frozenset[str] = frozenset()
    """Checks that may be raised as well: other faces of the same fault."""


def _around(before=same, after=same):
    return lambda net: Around(net, before, after)


def _said(make, must: str, may: str = "") -> Broken:
    return Broken(make, frozenset(must.split()), frozenset(may.split()))


_MASKED = "one-step noise black-box transfer large-radius"

BROKEN: dict[str, Broken] = {
    "input rounded to 4 levels": _said(_around(levels), "zero-gradients black-box", _MASKED),
    "rounded, straight-through gradient": _said(_around(straight_through), "wrong-gradients", _MASKED),
    "JPEG-like transform": _said(_around(blocks), "zero-gradients black-box", f"{_MASKED} wrong-gradients"),
    "logits times 10,000": _said(_around(after=lambda z: 1e4 * z), "zero-gradients", _MASKED),
    "answer 120 ahead": _said(_around(after=pushed), "zero-gradients", f"{_MASKED} wrong-gradients"),
    "softmax output": _said(_around(after=lambda z: z.softmax(1)), "softmax-output", f"{_MASKED} zero-gradients"),
    "sigmoid output": _said(_around(after=torch.sigmoid), "softmax-output", f"{_MASKED} zero-gradients"),
    "random resize and pad": _said(_around(resized), "randomised", _MASKED),
    "noise at inference": _said(_around(noisy), "randomised", _MASKED),
    "dropout in every mode": _said(_around(after=dropped), "randomised", _MASKED),
    "gradient clipped to 1e-6": _said(_around(with_gradient(lambda g: g.clamp(-1e-6, 1e-6))), "wrong-gradients"),
    "gradient set to zero": _said(_around(with_gradient(torch.zeros_like)), "zero-gradients wrong-gradients", _MASKED),
    "gradient turned round": _said(_around(with_gradient(torch.neg)), "wrong-gradients black-box", _MASKED),
    "detached input": _said(_around(torch.detach), "zero-gradients wrong-gradients"),
    "detached logits": _said(_around(after=torch.detach), "zero-gradients wrong-gradients"),
    "images through numpy": _said(_around(lambda x: torch.from_numpy(x.numpy())), "zero-gradients wrong-gradients"),
    "purified by a gradient step": _said(Purified, "dynamic-forward", f"{_MASKED} wrong-gradients"),
    "right after whole steps only": _said(_around(rippled), "shorter-step"),
    "batch norm in training mode": _said(lambda net: copy.deepcopy(net).train(), "training-mode"),
    "dropout in training mode": _said(
        lambda net: nn.Sequential(copy.deepcopy(net), nn.Dropout(0.5)).train(), "training-mode"
    ),
    "batch norm without running statistics": _said(batch_statistics, "batch-dependence", _MASKED),
    "brightness of the batch": _said(_around(lambda x: x + (0.3 - x.mean())), "batch-dependence", "normalisation"),
    "normalised twice": _said(_around(lambda x: (x - 0.3) / 0.35), "normalisation", f"{_MASKED} zero-gradients"),
    "two classes exchanged": _said(_around(after=exchanged), "permuted-labels", "normalisation"),
    "classes one place further": _said(
        _around(after=lambda z: z.roll(1, dims=1)), "permuted-labels", "normalisation zero-gradients"
    ),
    "black and white": _said(_around(lambda x: (x > 0.5).to(x.dtype)), "zero-gradients", _MASKED),
}
