"""Friendly adversarial training: the adversary stops where the network begins to err."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from robustdial.checks import fields_fit
from robustdial.method.game import Game, Point
from robustdial.method.modes import Mode
from robustdial.method.objective.base import hard
from robustdial.method.solver.base import Memory, Step, a_share


@dataclass(frozen=True)
class Friendly:
    """PGD that lets an image go `patience` steps after it was first misclassified.

    The network is given the least adversarial of the images that it gets wrong; of mixed labels, the most likely class
    is the right one. Only images that still move are forwarded, so a batch costs less than its `passes`.

    Source: Zhang et al., Attacks Which Do Not Kill Training Make Adversarial Learning Stronger, ICML 2020.

    Departures from the authors' code: vectorised, the images keep their order (theirs visits them one by one and
    collects them as they stop); `patience` is the same throughout (theirs grows with the epochs from 0 to 2 or 3).

    Args:
        step: step size.
        patience: steps that a misclassified image still makes, tau.
        noise: share of the set in which the start is drawn.
        jitter: standard deviation of normal noise added to every step, as a share of the radius.
        mode: whether the attacked network runs with its running statistics (eval) or with those of the batch (train).
    """

    step: Step
    patience: int = 0
    noise: float = 1.0
    jitter: float = 0.0
    mode: Mode = "eval"

    def __post_init__(self) -> None:
        fields_fit(self)
        a_share("noise", self.noise)
        if self.patience < 0:
            raise ValueError(f"patience={self.patience}: a number of steps cannot be negative.")
        if self.jitter < 0:
            raise ValueError(f"jitter={self.jitter:g}: a standard deviation cannot be negative.")

    def play(self, game: Game, passes: int, memory: Memory) -> Iterator[Point]:
        point, steps = game.open(), passes - 1
        z = game.noise(self.noise)
        patience = torch.full((len(z),), self.patience, device=z.device)
        moving = torch.arange(len(z), device=z.device)
        with game.under_attack(self.mode):
            size = self.step(game.threat.radius, steps, game.step_scale)
            for _ in range(steps):
                # jitter for all of them, moving or not: who has stopped changes nothing for the others
                jitter = self.jitter * game.threat.radius * game.drawn(torch.randn_like, z) if self.jitter else None
                if not game.world.together(len(moving) > 0):
                    continue
                gradient, wrong = _look(point.among(moving), z[moving])
                going = (~wrong | (patience[moving] > 0)).nonzero().flatten()
                patience[moving] -= wrong.long()
                moving, gradient = moving[going], gradient[going]
                z[moving] = _moved(game.among(moving), z[moving], gradient, size, _of(jitter, moving))
        yield point.at(z)


def _of(jitter: Tensor | None, rows: Tensor) -> Tensor | None:
    return None if jitter is None else jitter[rows]


def _moved(game: Game, z: Tensor, gradient: Tensor, size: float, jitter: Tensor | None) -> Tensor:
    z = game.threat.ascend(z, gradient, size * game.reach)
    return game.threat.project(z if jitter is None else z + jitter, game.attacked_images, game.reach)


def _look(point: Point, z: Tensor) -> tuple[Tensor, Tensor]:
    """Gradient of the adversary's loss at `z`, and which images are misclassified there, bool `[R]`."""
    seen = point.at(z)
    assert seen.z is not None
    loss = point.game.objective.attack(seen).sum()
    return torch.autograd.grad(loss, seen.z)[0], seen.adv.argmax(1) != hard(point.attacked_labels)
