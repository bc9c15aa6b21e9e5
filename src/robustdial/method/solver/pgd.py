"""Projected gradient descent (ascent, for the adversary): attack, then learn once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from torch import Tensor

from robustdial.checks import fields_fit
from robustdial.method.game import Game, Point
from robustdial.method.modes import Mode
from robustdial.method.solver.base import Memory, Step, a_share, ascend


@dataclass(frozen=True)
class PGD:
    """`passes - 1` steps of projected ascent from a random start, then one point to learn from.

    Source: Madry et al., Towards Deep Learning Models Resistant to Adversarial Attacks, ICLR 2018.

    Args:
        step: step size.
        noise: share of the set in which the start is drawn; 0 starts at the clean image.
        mode: whether the attacked network runs with its running statistics (eval) or with those of the batch (train).
    """

    step: Step
    noise: float = 1.0
    mode: Mode = "eval"

    def __post_init__(self) -> None:
        fields_fit(self)
        a_share("noise", self.noise)

    def play(self, game: Game, passes: int, memory: Memory) -> Iterator[Point]:
        yield self.climbed(game.open(), passes)

    def climbed(self, point: Point, passes: int) -> Point:
        """The point to which `passes - 1` steps lead."""
        return climbed(point, point.game.noise(self.noise), self.step, passes, self.mode)


def climbed(point: Point, start: Tensor, step: Step, passes: int, mode: Mode) -> Point:
    """The point to which `passes - 1` steps of projected ascent lead from `start`."""
    game = point.game
    steps = passes - 1 if game.called else 0
    with game.under_attack(mode):
        size = step(game.threat.radius, passes - 1, game.step_scale) * game.reach
        gradient = partial(game.gradient, point=point)
        z = ascend(game.threat, game.attacked_images, start, gradient, size, steps, game.reach)
    return point.at(z, start=start)
