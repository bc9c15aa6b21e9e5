"""Which ball of a union a batch is attacked in: one of them, each, or for each image the worst."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from robustdial.checks import fields_fit
from robustdial.method.game import Game, Point
from robustdial.method.objective.base import hard
from robustdial.method.solver.base import Memory
from robustdial.method.solver.pgd import PGD
from robustdial.method.threat.union import balls_of


@dataclass(frozen=True)
class OneBall:
    r"""Each batch is attacked in one ball, drawn the more often the more of its adversaries succeed.

        P(ball i) ~ 1 - right_i / tried_i        over all batches so far that were attacked in it

    Until every ball has been drawn, all are as likely. The accuracy is that of the attacked network, in evaluation
    mode, where the adversary ends: a forward more.

    Source: Croce & Hein, Adversarial Robustness against Multiple and Single lp-Threat Models via Quick Fine-Tuning of
    Robust Classifiers, ICML 2022 (E-AT).

    Args:
        solver: the adversary in a ball, whose step is best a share of the radius, `Step(spread=...)`.
    """

    solver: PGD

    def __post_init__(self) -> None:
        fields_fit(self)

    def play(self, game: Game, passes: int, memory: Memory) -> Iterator[Point]:
        balls = balls_of(game.threat)
        if not memory:
            memory |= {name: torch.zeros(len(balls), dtype=torch.float64) for name in ("right", "tried")}
        drawn = _drawn(memory["right"], memory["tried"])
        if game.begins:  # all parts of a batch are attacked in the ball of the first
            memory["ball"] = torch.tensor(drawn)
        ball = int(memory["ball"])
        for point in self.solver.play(game.within(balls[ball]), passes, {}):
            right, tried = game.world.sum(_score(point)).tolist()
            memory["right"][ball] += right
            memory["tried"][ball] += tried
            yield point


@dataclass(frozen=True)
class EachBall:
    """Every batch is attacked in each ball; an update takes the mean of their gradients. The passes are shared out.

    Source: Tramer & Boneh, Adversarial Training and Robustness for Multiple Perturbations, NeurIPS 2019, "avg".

    Args:
        solver: the adversary in a ball, whose step is best a share of the radius, `Step(spread=...)`.
    """

    solver: PGD

    def __post_init__(self) -> None:
        fields_fit(self)

    def play(self, game: Game, passes: int, memory: Memory) -> Iterator[Point]:
        balls = balls_of(game.threat)
        for ball in balls:
            yield from self.solver.play(game.within(ball, parts=len(balls)), max(passes // len(balls), 1), {})


@dataclass(frozen=True)
class WorstBall:
    """Every batch is attacked in each ball; each image keeps the adversary for which its loss is highest.

    The `passes - 1` steps are shared out; a forward for each ball tells the losses.

    Source: Tramer & Boneh, Adversarial Training and Robustness for Multiple Perturbations, NeurIPS 2019, "max".

    Args:
        solver: the adversary in a ball, whose step is best a share of the radius, `Step(spread=...)`.
    """

    solver: PGD

    def __post_init__(self) -> None:
        fields_fit(self)

    def play(self, game: Game, passes: int, memory: Memory) -> Iterator[Point]:
        balls, point = balls_of(game.threat), game.open()
        z = torch.zeros_like(game.attacked_images)
        worst = z.new_full((len(z),), -torch.inf)
        for ball in balls:
            end = self.solver.climbed(point.within(ball), (passes - 1) // len(balls) + 1)
            loss = _loss(end)
            assert end.z is not None
            higher = (loss > worst).reshape(-1, *[1] * (z.dim() - 1))
            z = torch.where(higher, end.z.detach(), z)
            worst = torch.maximum(loss, worst)
        yield point.at(z)


def _drawn(right: Tensor, tried: Tensor) -> int:
    """The number of a ball, drawn by the share of images that erred in each.

    >>> _drawn(torch.tensor([5.0, 0.0]), torch.tensor([5.0, 5.0]))
    1
    """
    errors = 1 - right / tried if bool((tried > 0).all()) else torch.ones_like(tried)
    weights = errors if float(errors.sum()) > 0 else torch.ones_like(errors)
    bounds = (weights / weights.sum()).cumsum(0)
    return min(int((torch.rand((), dtype=torch.float64) >= bounds.cpu()).sum()), len(bounds) - 1)


@torch.no_grad()
def _score(point: Point) -> Tensor:
    """How many of the attacked images here the network at rest classifies rightly where the adversary ends, and how
    many there are `[2]`."""
    if not point.game.called:
        return point.game.attacked_images.new_zeros(2)
    assert point.z is not None
    with point.game.under_attack("eval"):
        answers = point.at(point.z).adv.argmax(1)
    right = answers == hard(point.attacked_labels)
    return torch.stack([right, torch.ones_like(right)]).sum(1).float()


@torch.no_grad()
def _loss(point: Point) -> Tensor:
    """The adversary's loss of each attacked image where it ends, of the network at rest."""
    game = point.game
    if not game.called:
        return game.attacked_images.new_zeros(len(game.attacked_images))
    assert point.z is not None
    with game.under_attack("eval"):
        return game.objective.attack(point.at(point.z)).detach()
