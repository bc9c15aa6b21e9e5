"""A solver is how the adversary moves: a generator of points to learn from.

At each `yield` the engine computes the objective there, back-propagates (which fills the gradients of the weights,
and of `point.z` if it asks for one) and steps the optimizer. A solver that ascends in private and yields once is PGD
training; one that yields at every step of the ascent is a replay method. The whole difference is where the `yield`
stands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from robustdial.checks import fields_fit
from robustdial.data.origin import Origin
from robustdial.method.game import Game, Point
from robustdial.method.threat import Reach, Threat

Memory = dict[str, Tensor]
"""What a solver keeps from batch to batch; it is saved with the training state."""


class Solver(Protocol):
    """How the adversary moves."""

    def play(self, game: Game, passes: int, memory: Memory) -> Iterator[Point]:
        """The points to learn from, each from a `game.open()` of its own, for `passes` passes in all."""
        ...


@dataclass(frozen=True)
class Step:
    """Step size: max(size, spread * radius / steps).

    A constant `size`, or a total way of `spread` radii divided among the steps, whichever is larger.

    >>> Step(spread=1.25)(radius=0.8, steps=10)
    0.1
    """

    size: float = 0.0
    spread: float = 0.0

    def __post_init__(self) -> None:
        fields_fit(self)
        if self.size <= 0 and self.spread <= 0:
            raise ValueError("An adversary that does not move is none. Give Step a positive size or spread.")

    def __call__(self, radius: float, steps: int, step_scale: float = 1.0) -> float:
        """The size of each of `steps` steps; `step_scale` shortens a constant one."""
        return max(step_scale * self.size, self.spread * radius / max(steps, 1))


def a_share(name: str, share: float) -> None:
    """Raise ValueError unless `share`, called `name`, is in [0, 1]."""
    if not 0 <= share <= 1:
        raise ValueError(f"{name}={share:g} is not a share of the set. Give a number from 0 to 1.")


def origin_of(game: Game) -> Origin:
    """Where the attacked images come from, for what is kept of each. Raises ValueError where nobody knows."""
    if game.attacked.origin is None:
        raise ValueError(
            "This method keeps something of every training image, but cannot tell which image is where. Train with "
            "fit or steps, on data whose augment is Crop, flip, CropFlip or none, or has a draw as they do."
        )
    return game.attacked.origin


def left(point: Point) -> Tensor:
    """The gradient of the learning loss with respect to the perturbation, which learning has left at a point.

    Zero where the loss does not depend on it. It carries the factors of the mean over the batch; steepest steps do not
    see them.
    """
    assert point.z is not None
    return torch.zeros_like(point.z) if point.z.grad is None else point.z.grad


def ascend(
    threat: Threat,
    x: Tensor,
    z: Tensor,
    gradient: Callable[[Tensor], Tensor],
    size: Reach,
    steps: int,
    reach: Reach = 1.0,
) -> Tensor:
    """Projected steepest ascent: `steps` times z <- project(z + size * steepest direction). The loop of every PGD here.

    Args:
        threat: where `z` may move.
        x: the images `[B, C, H, W]`.
        z: the start.
        gradient: `z` to the gradient of the adversary's loss.
        size: step size, one number or `[B]`.
        steps: number of steps.
        reach: share of the radius each row may use.
    """
    for _ in range(steps):
        z = threat.project(threat.ascend(z, gradient(z), size), x, reach)
    return z
