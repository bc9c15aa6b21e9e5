"""Several balls at once: the adversary may choose its norm."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from robustdial.checks import said
from robustdial.distributed import drawn
from robustdial.method.threat.base import Ball, Threat
from robustdial.typing import Reach, written


@dataclass(frozen=True)
class Union:
    """The union of some balls around an image: a perturbation is in it that is in one of them.

    Sizes are shares of the balls' radii. A steepest step is that of the ball in which a linear loss rises most; a
    projection is that of the ball that has to change the perturbation least. So an ascent may go from one ball to
    another, and finds less than one in each: whoever measures (`measure`, `measure_each`) attacks in every ball.

    Source: Tramer & Boneh, Adversarial Training and Robustness for Multiple Perturbations, NeurIPS 2019, for the set.

    Args:
        balls: two or more, of different norms.

    Raises:
        ValueError: fewer than two, or one norm twice.
        TypeError: something that is no ball.

    >>> from robustdial.method.threat import L2, Linf
    >>> union = Union((Linf(0.5), L2(0.8)))
    >>> union.name
    'Linf 0.5 + L2 0.8'
    >>> union.project(torch.tensor([[0.9, 0.0], [0.6, 0.6]]), torch.zeros(2, 2), 1.0)
    tensor([[0.8000, 0.0000],
            [0.5657, 0.5657]])
    """

    balls: tuple[Ball, ...]

    def __post_init__(self) -> None:
        for ball in self.balls:
            if not isinstance(ball, Ball):
                raise TypeError(f"{said(ball)} is no ball. Give balls: Union((Linf(8 / 255), L2(0.5), L1(12))).")
        names = [ball.name for ball in self.balls]
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise ValueError(f"{twice[0]} stands twice. Name each norm once: the larger ball holds the smaller.")
        if len(names) < 2:
            raise ValueError("A union needs two balls or more. One alone is a threat by itself.")

    @property
    def name(self) -> str:
        return " + ".join(map(ball_in_words, self.balls))

    @property
    def radius(self) -> float:
        return 1.0

    def noise(self, x: Tensor, reach: Reach, amount: float) -> Tensor:
        chosen = drawn(lambda x: torch.randint(len(self.balls), (len(x),), device=x.device), x)
        return _chosen([ball.noise(x, reach, amount) for ball in self.balls], chosen)

    def ascend(self, z: Tensor, gradient: Tensor, size: Reach) -> Tensor:
        steps = [ball.ascend(torch.zeros_like(z), gradient, size * ball.radius) for ball in self.balls]
        rise = _of_each(lambda step: (step * gradient).flatten(1).sum(1), steps)
        return z + _chosen(steps, rise.argmax(0))

    def project(self, z: Tensor, x: Tensor, reach: Reach) -> Tensor:
        ends = [ball.project(z, x, reach) for ball in self.balls]
        moved = _of_each(lambda end: (end - z).flatten(1).square().sum(1), ends)
        return _chosen(ends, moved.argmin(0))

    def apply(self, x: Tensor, z: Tensor) -> Tensor:
        return x + z


def balls_of(threat: Threat) -> tuple[Threat, ...]:
    """The balls of a union; any other threat alone."""
    return threat.balls if isinstance(threat, Union) else (threat,)


def ball_in_words(ball: Threat) -> str:
    """
    >>> from robustdial.method.threat.linf import Linf
    >>> ball_in_words(Linf(8 / 255))
    'Linf 8/255'
    """
    return f"{ball.name} {written(ball.radius)}"


def _of_each(measure: Callable[[Tensor], Tensor], options: Sequence[Tensor]) -> Tensor:
    """A number per ball and row `[N, B]`."""
    return torch.stack([measure(option) for option in options])


def _chosen(options: Sequence[Tensor], which: Tensor) -> Tensor:
    """For each row the option with its number, `which` `[B]`."""
    taken = options[0]
    for number, option in enumerate(options[1:], 1):
        taken = torch.where((which == number).reshape(-1, *[1] * (taken.dim() - 1)), option, taken)
    return taken
