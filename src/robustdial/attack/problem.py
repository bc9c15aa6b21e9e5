"""What an attack looks at while it moves: where the network errs, and which way is up."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor, nn

from robustdial.logits import check_finite, first_line, guarded, single
from robustdial.method.modes import attacked
from robustdial.method.objective.base import each_row
from robustdial.method.threat import Threat, settled
from robustdial.randomness import seeded
from robustdial.typing import Classifier


class Iterate(NamedTuple):
    """A perturbation of each row and what was seen there."""

    z: Tensor
    loss: Tensor
    """Per row `[B]`."""
    gradient: Tensor
    """Of the loss, shaped as `z`."""
    misclassified: Tensor
    """Where the answer is wrong, bool `[B]`."""

    @property
    def score(self) -> Tensor:
        """The loss, infinite where the answer is wrong."""
        return self.loss.masked_fill(self.misclassified, torch.inf)


@dataclass(frozen=True)
class Problem:
    """Images under attack.

    Args:
        f: the network.
        given: where the adversary may move.
        loss: logits and `labels` to the loss per row that the adversary raises.
        x: the images `[B, C, H, W]`.
        labels: the right classes `[B]` first, then what else the loss is told, one value per row.
    """

    f: Classifier
    given: Threat
    loss: Callable[..., Tensor]
    x: Tensor
    labels: tuple[Tensor, ...]

    @cached_property
    def threat(self) -> Threat:
        """The threat, settled on these images."""
        return settled(self.given, self.x)

    def look(self, z: Tensor) -> Iterate:
        """One forward and one backward pass."""
        z = z.detach().requires_grad_()
        with torch.enable_grad():
            logits = self.f(self.threat.apply(self.x, z))
            loss = each_row(self.loss(logits, *self.labels), len(z), "The loss of the attack")
            gradient = gradient_of(loss.sum(), z)
        return Iterate(z.detach(), loss.detach(), gradient, logits.detach().argmax(1) != self.labels[0])

    def of(self, rows: Tensor) -> Problem:
        """The same attack on some of the rows: numbers, or bool `[B]`."""
        return replace(self, x=self.x[rows], labels=tuple(label[rows] for label in self.labels))


class NoGradient(ValueError):
    """A network without a gradient that could be climbed. `why` says what is missing."""

    def __init__(self, why: str) -> None:
        super().__init__(
            f"The network has no gradient to climb: {why}. Attack it without one, by square or "
            "worst-of-10, or let the gradient through."
        )
        self.why = why


def gradient_of(height: Tensor, z: Tensor) -> Tensor:
    """The gradient of a number that a network has made of `z`. Raises NoGradient."""
    if not height.requires_grad:
        raise NoGradient("the logits are cut off from the images (detach, no_grad, a comparison)")
    try:
        (gradient,) = torch.autograd.grad(height, z, allow_unused=True)
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as error:  # a layer has no backward
        raise NoGradient(first_line(error)) from error
    if gradient is None:
        raise NoGradient("the logits do not depend on the images")
    found: Tensor = gradient
    if found.is_cpu:  # an accelerator would have to be waited for in every step of an attack
        check_numbers(found)
    return found


def check_numbers(gradient: Tensor) -> None:
    """Raises NoGradient if it is NaN on some images: its sign is 0 there, and an adversary would stand still."""
    if not gradient.sum().isnan():  # as it is where any of it is, and quicker than to look at each
        return
    if spoilt := int(gradient.isnan().flatten(1).any(1).sum()):
        raise NoGradient(f"it is NaN on {spoilt} of {len(gradient)} images, as that of a square root at 0")


def eval_mode(f: Classifier) -> AbstractContextManager[None]:
    """Inside, a module is in evaluation mode and its weights ask for no gradient; afterwards it is as it was."""
    return attacked(f, "eval") if isinstance(f, nn.Module) else nullcontext()


def top_wrong_classes(logits: Tensor, y: Tensor, most: int) -> Tensor:
    """The likeliest wrong classes, the likeliest first: `[B, most]`, or all of them where there are fewer."""
    return single(logits).scatter(1, y[:, None], -torch.inf).topk(min(most, logits.shape[1] - 1)).indices


def images(threat: Threat, x: Tensor, z: Tensor) -> Tensor:
    """The perturbed images, without gradient."""
    return threat.apply(x, z).detach().clamp(0, 1)  # x + z may leave [0, 1] by a rounding error


def nothing(threat: Threat, x: Tensor) -> Tensor:
    """The perturbation that changes nothing. The generators of random numbers are left where they are."""
    with seeded(0, x.device):
        return threat.noise(x, 1.0, 0.0)


@torch.no_grad()
def answers(f: Classifier, x: Tensor) -> Tensor:
    """Logits `[B, K]` of images, asked for on a copy of them (`Guarded`).

    Raises:
        ValueError: `f` fails, or gives something of another shape.
        TypeError: it gives no tensor.
        FloatingPointError: the logits are not finite.
    """
    logits: Tensor = guarded(f)(x)
    check_finite(logits)
    return logits
