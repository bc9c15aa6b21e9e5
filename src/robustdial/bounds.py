"""The bounds of [0, 1], where the gradient of `torch.clamp` is 0 in some versions of torch, and 1 in others."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from robustdial.logits import Network, logits_of
from robustdial.randomness import seeded

_INSIDE = 2.0**-20  # far below a grey level, and above the rounding of 1 in float32
_SHARE = 0.01  # so many of the pixels with a gradient just inside may be without one at the bound, as at a kink


def clipped(x: Tensor) -> Tensor:
    """`x` cut to [0, 1], whose gradient is 1 at the bounds and 0 beyond them, in every version of torch.

    >>> x = torch.tensor([-0.1, 0.0, 0.5, 1.0, 1.1], requires_grad=True)
    >>> torch.autograd.grad(clipped(x).sum(), x)[0]
    tensor([0., 1., 1., 1., 0.])
    """
    return torch.where((x < 0) | (x > 1), x.clamp(0, 1).detach(), x)


class JustInside(nn.Module):
    """A network whose pixels at 0 and at 1 are asked for a millionth inside, where a clamp lets their gradient through.

    Adversaries end at these bounds, and an image may begin there: with a clamp as its first layer, a pixel that has
    come to 0 would stay there. All other pixels are as they were, to the bit.

    Args:
        network: images in [0, 1] to logits.

    >>> x = torch.tensor([[[[0.0, 0.5]]]], requires_grad=True)
    >>> clamps = lambda x: x.clamp(0, 1).flatten(1)
    >>> torch.autograd.grad(JustInside(clamps)(x).sum(), x)[0].flatten()
    tensor([1., 1.])
    """

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.training = isinstance(network, nn.Module) and network.training
        self.network = network

    def forward(self, x: Tensor) -> object:
        """What the network returns."""
        return self.network(x + (x.clamp(_INSIDE, 1 - _INSIDE) - x).detach())


def cut_at_bounds(network: Network, x: Tensor) -> bool:
    """Whether pixels of the images `x` `[B, C, H, W]`, put to 0 and 1, have a gradient just inside and none there.

    False of a network that has no gradient, or fails.
    """
    ends = x.round()
    try:
        there, inside = _gradient(network, ends), _gradient(JustInside(network), ends)
    except Exception:  # whatever somebody's code makes of an image that wants a gradient
        return False
    moved = inside != 0
    return bool(((there == 0) & moved).sum() > _SHARE * moved.sum())


def _gradient(network: Network, x: Tensor) -> Tensor:
    with seeded(0, x.device), torch.enable_grad():  # a network that draws in evaluation mode draws the same twice
        images = x.detach().clone().requires_grad_()
        logits = logits_of(network(images.clone()))
        ways = torch.linspace(-1, 1, logits[0].numel(), device=x.device, dtype=logits.dtype).view_as(logits[0])
        return torch.autograd.grad((logits * ways).sum(), images)[0]
