"""Started: projected ascent from a start of another kind than noise."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from robustdial.checks import fields_fit
from robustdial.method.game import Game, Point
from robustdial.method.modes import Mode
from robustdial.method.solver.base import Memory, Step, a_share
from robustdial.method.solver.pgd import climbed


class Start(Protocol):
    """From where an adversary sets out."""

    def draw(self, point: Point, memory: Memory) -> Tensor:
        """A perturbation of the attacked images in the set; what is kept until the next batch is in `memory`."""
        ...


@dataclass(frozen=True)
class Corner:
    """A steepest step in a random direction: a corner of the ball of `share` radii (Linf), a point of its surface (L2).

    Args:
        share: how far from the image, as a share of the radius.
    """

    share: float = 0.5

    def __post_init__(self) -> None:
        fields_fit(self)
        a_share("share", self.share)

    def draw(self, point: Point, memory: Memory) -> Tensor:
        game = point.game
        zero = point.zero()
        way, size = game.drawn(torch.randn_like, zero), self.share * game.threat.radius * game.reach
        there = game.threat.ascend(zero, way, size)
        return game.threat.project(there, game.attacked_images, game.reach)


@dataclass(frozen=True)
class Started:
    """`passes - 1` steps of projected ascent from a start of your choice, then one point to learn from.

    Args:
        step: step size.
        start: from where, such as `Corner(0.5)`.
        mode: whether the attacked network runs with its running statistics (eval) or with those of the batch (train).
    """

    step: Step
    start: Start
    mode: Mode = "eval"

    def __post_init__(self) -> None:
        fields_fit(self)

    def play(self, game: Game, passes: int, memory: Memory) -> Iterator[Point]:
        point = game.open()
        yield climbed(point, self.start.draw(point, memory), self.step, passes, self.mode)
