"""A dial between two networks: their probabilities are mixed, and the position is the share of the second."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from robustdial.checks import finite
from robustdial.dial.checks import copied
from robustdial.dial.fixed import Fixed, kind_of
from robustdial.dial.kind import Calibration
from robustdial.dial.offer import Forward, Seat, chosen, in_order, meant
from robustdial.dial.probe import Failure, run, where
from robustdial.distributed import Shard
from robustdial.logits import logits_of, single

Bend = Callable[[Tensor], Tensor]
"""Logits `[B, K]` of the robust network to the logits that are mixed."""


def unbent(logits: Tensor) -> Tensor:
    """Probabilities are mixed as they are."""
    return logits


class Mix(nn.Module):
    """Two classifiers at one share: a plain module from images to the logarithm of the mixed probabilities.

        log((1 - share) p_accurate + share p_robust)

    These are logits whose softmax is the mixture. No probability is formed on the way, so that gradients stay finite
    where one of the networks is certain.

    Args:
        accurate, robust: images `[B, C, H, W]` in [0, 1] to logits `[B, K]`.
        share: of the second, above 0 and below 1.
        bend: what is done to the second's logits before.
    """

    def __init__(self, accurate: nn.Module, robust: nn.Module, share: float, bend: Bend = unbent) -> None:
        super().__init__()
        if not 0 < share < 1:
            raise ValueError(f"mix={share:g} is not a share of the second network. Choose it between 0 and 1.")
        self.accurate, self.robust, self.bend = accurate, robust, bend
        self.forwards = 2
        """Networks that answer each image."""
        self.logs = math.log1p(-share), math.log(share)
        self.training = accurate.training

    def forward(self, x: Tensor) -> Tensor:
        """Log-probabilities `[B, K]`."""
        one = F.log_softmax(single(self.accurate(x)), dim=1) + self.logs[0]
        two = F.log_softmax(self.bend(single(self.robust(x))), dim=1) + self.logs[1]
        if one.shape != two.shape:
            raise ValueError(
                f"The first network gives {list(one.shape)}, the second {list(two.shape)}. Mix networks of the same "
                "classes."
            )
        return one + F.softplus(two - one)  # log(exp(one) + exp(two)), smooth and safe at both ends


class Mixture(nn.Module):
    """Two networks for the same classes whose share is an input. Made by `mixed(accurate, robust)`.

    At 0 and 1 it is one of the two, at the price of one forward; between them both answer. Nothing is trained.

    Args:
        accurate, robust: the networks.
        dials: what the dial offers.
    """

    def __init__(self, accurate: nn.Module, robust: nn.Module, dials: Mixed) -> None:
        super().__init__()
        self.accurate, self.robust, self.dials = accurate, robust, dials
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        """Raises TypeError: there are two networks, and no position was named."""
        raise TypeError("This network has a dial: say where it stands. model.at(share)(x) is a plain f(x).")

    def at(self, lam: float, width: float = 1.0) -> nn.Module:
        """The mixture at one share of the robust network as a plain `f(x)`. Raises ValueError off the dial."""
        return self._standing(self.accurate, self.robust, lam, width)

    def bake(self, lam: float, width: float = 1.0) -> nn.Module:
        """A copy of it, in evaluation mode: both networks in one module, or one of them at 0 and 1."""
        accurate, robust = (copy.deepcopy(network) for network in (self.accurate, self.robust))
        baked = self._standing(accurate, robust, lam, width)
        baked.eval()
        return baked

    def _standing(self, accurate: nn.Module, robust: nn.Module, lam: float, width: float) -> nn.Module:
        check_full(width)
        share = chosen(lam, self.dials.lambdas)
        if share in (0.0, 1.0):
            return robust if share else accurate
        return Mix(accurate, robust, share, self.dials.bend)


@dataclass(frozen=True)
class Mixed:
    """A dial between two given networks: the share of the robust one.

    Args:
        lambdas: the shares to measure; kept ascending. Every share between 0 and 1 can be served.
        bend: what is done to the robust network's logits before its probabilities are mixed: nothing, or `Nuts`.
    """

    name: ClassVar[str] = "mixture"
    divisible: ClassVar[bool] = False

    lambdas: tuple[float, ...] = (0.0, 0.25, 0.5, 0.75, 0.9, 0.97, 1.0)
    bend: Bend = unbent

    def __post_init__(self) -> None:
        object.__setattr__(self, "lambdas", in_order((0.0, *self.lambdas, 1.0)))

    @property
    def widths(self) -> tuple[float, ...]:
        """Full width."""
        return (1.0,)

    def put_on(self, *networks: nn.Module, example: Tensor | None = None) -> Mixture:
        """A copy of two networks under one dial, the accurate one first."""
        accurate, robust = two(networks)
        if example is not None:
            check_answers(accurate, robust, example)
        return Mixture(copied(accurate), copied(robust), self)

    def seats(self, model: nn.Module, forward: Forward, x: Tensor, shard: Shard | None = None) -> list[Seat]:
        """Raises TypeError: nothing of it is trained."""
        raise TypeError("A mixture of two given networks is not trained. Train these, or a method with a dial.")

    def at(self, model: nn.Module, lam: float | None, width: float, images: Calibration) -> nn.Module:
        return cast(Mixture, model).at(chosen(lam, self.lambdas), width)

    def bake(self, model: nn.Module, lam: float | None, width: float, images: Calibration) -> nn.Module:
        return cast(Mixture, model).bake(chosen(lam, self.lambdas), width)

    def meant(self, lam: float | None, width: float = 1.0) -> tuple[float | None, float]:
        return None if lam is None else meant(lam, self.lambdas), width

    def trained(self, lam: float | None, width: float = 1.0) -> bool:
        """The ends are: they are the networks that were given."""
        return lam in (0.0, 1.0) and width == 1

    def costs_like(self, lam: float | None) -> float | None:
        """One network answers at either end, both between."""
        return lam if lam in (0.0, 1.0) else 0.5


def mixed(accurate: nn.Module, robust: nn.Module, bend: Bend = unbent, *, example: Tensor | None = None) -> Mixture:
    """Two classifiers as one network with a dial, the share of the second: `mixed(a, b).at(0.75)` is a plain `f(x)`.

    Args:
        accurate: images in [0, 1] to logits.
        robust: the same for another network of the same classes.
        bend: `Nuts(...)`, to mix as MixedNUTS does.
        example: some images `[B, C, H, W]` on which both are tried.

    Raises ValueError if they cannot be mixed: one has a dial, other classes, or lets no gradient through.

    >>> a, b = (nn.Sequential(nn.Flatten(), nn.Linear(4, 3)) for _ in range(2))
    >>> x = torch.rand(2, 1, 2, 2)
    >>> mixture = mixed(a, b, example=x).at(0.25)(x).exp()
    >>> bool(torch.allclose(mixture, 0.75 * a(x).softmax(1) + 0.25 * b(x).softmax(1)))
    True
    """
    return Mixed(bend=bend).put_on(accurate, robust, example=example)


def standing(at: Callable[[float], nn.Module], lam: float | tuple[float, float], mix: float | None) -> nn.Module:
    """One position of a network, or the mixture of two. Raises ValueError for two without a share, or one with."""
    match lam, mix:
        case (first, second), float() | int():
            return Mix(at(first), at(second), mix)
        case one, None if not isinstance(one, tuple):
            finite("lam", one, "Give a number on the dial, such as 0.4.")
            return at(one)
    raise ValueError(f"lam={lam}, mix={mix}: give one position, or two and the share of the second, mix=0.75.")


def two(networks: tuple[nn.Module, ...]) -> tuple[nn.Module, nn.Module]:
    """The two networks of a dial between given ones. Raises ValueError if one of them has a dial itself."""
    accurate, robust = networks
    for network in networks:
        if kind_of(network) != Fixed():
            raise ValueError(
                "One of the networks has a dial itself. Say where it stands: model.bake(lam), or on the command line "
                "runs/x@0.5."
            )
    return accurate, robust


def check_full(width: float) -> None:
    """Raises ValueError for a width that a dial of full width does not have."""
    if width != 1:
        raise ValueError(f"width={width:g} is not on this dial (1). Leave it out, or train a dial with widths.")


def check_answers(accurate: nn.Module, robust: nn.Module, example: Tensor) -> None:
    """Raises ValueError or TypeError unless both give logits of the same classes, and let gradients through."""
    found = [_tried(network, which, example) for network, which in ((accurate, "first"), (robust, "second"))]
    if found[0] != found[1]:
        raise ValueError(
            f"The first network knows {found[0]} classes, the second {found[1]}. Mix networks of the same."
        )


def _tried(network: nn.Module, which: str, example: Tensor) -> int:
    """How many classes a network knows."""
    like = next((weight for weight in network.parameters() if weight.is_floating_point()), example)
    x = example.to(like.device)
    try:
        logits = logits_of(run(network, x))
    except Failure as failure:
        place = where(failure.name, network.get_submodule(failure.name))
        raise ValueError(
            f"The {which} network does not run on images {list(example.shape)}: {place} fails ({failure.why})."
        ) from failure.__cause__
    if logits.dim() != 2 or len(logits) != len(x) or not logits.isfinite().all():
        raise ValueError(f"The {which} network gives {list(logits.shape)} for {len(x)} images, or no finite numbers.")
    if not _lets_gradients_through(network, x):
        raise ValueError(
            f"No gradient flows through the {which} network to its images, so that a mixture with it could not be "
            "attacked. Give the network without detach, no_grad or a rounding in it."
        )
    return logits.shape[1]


def _lets_gradients_through(network: nn.Module, x: Tensor) -> bool:
    modes = [(module, module.training) for module in network.modules()]
    network.eval()
    try:
        with torch.enable_grad():
            x = x.detach().clone().requires_grad_()
            logits = network(x.clone())  # not a leaf: it may be written to
            if not logits.requires_grad:
                return False
            (gradient,) = torch.autograd.grad(logits.logsumexp(1).sum(), x, allow_unused=True)
    except RuntimeError:  # a layer has no backward
        return False
    finally:
        for module, mode in modes:
            module.training = mode
    return gradient is not None and bool(gradient.isfinite().all()) and bool(gradient.any())
