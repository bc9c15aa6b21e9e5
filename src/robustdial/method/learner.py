"""How the weights learn at a point: as they are (`Plain`), or perturbed by an adversary of their own (`AWP`)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from robustdial.checks import fields_fit
from robustdial.distributed import World
from robustdial.method.game import Point
from robustdial.method.modes import buffers_restored
from robustdial.method.objective import Objective

Parts = Iterable[Sequence[Point]]
"""The points of an update: for each part of the batch those of all widths. A part is played when it is asked for."""

Gradients = Sequence[Tensor | None]


class Learner(Protocol):
    """Where the weights stand while they learn."""

    @property
    def still(self) -> bool:
        """Whether they learn where they stand while the adversary moves, so that they can learn before it has moved."""
        ...

    def around(self, model: nn.Module, parts: Parts, objective: Objective) -> AbstractContextManager[Parts]:
        """Inside, the weights stand where they learn, and the optimizer steps there. Gives the points to learn at."""
        ...


@dataclass(frozen=True)
class Plain:
    """The weights learn where they are."""

    @property
    def still(self) -> bool:
        return True

    def around(self, model: nn.Module, parts: Parts, objective: Objective) -> AbstractContextManager[Parts]:
        return nullcontext(parts)


@dataclass(frozen=True)
class AWP:
    r"""Adversarial weight perturbation: the gradient is taken where the loss is higher, at w + d, and applied to w.

        d = gamma ||w|| g / ||g||,  g = d loss / d w,   for every weight tensor of two or more dimensions

    Flattens the loss over the weights, which narrows the gap between robust training and test accuracy. Works with any
    method; each point that is learned from costs its pass once more, that over the clean images included.

    Source: Wu et al., Adversarial Weight Perturbation Helps Robust Generalization, NeurIPS 2020.

    Departures from the authors' code: no copy of the network takes the step, the gradient is scaled directly (the
    learning rate of theirs cancels).

    Args:
        gamma: length of the perturbation as a share of the weight's; 0.01 for adversarial training, 0.005 for TRADES.
    """

    gamma: float = 0.01

    def __post_init__(self) -> None:
        fields_fit(self)
        if not self.gamma > 0:
            raise ValueError(f"gamma={self.gamma:g}: give the share of a weight's length to move it by, such as 0.01.")

    @property
    def still(self) -> bool:
        return False

    @contextmanager
    def around(self, model: nn.Module, parts: Parts, objective: Objective) -> Iterator[Parts]:
        found, gradients = [], []
        weights = [w for name, w in model.named_parameters() if w.requires_grad and w.dim() > 1 and "weight" in name]
        for points in parts:
            with buffers_restored(model):
                gradients.append(_gradients(points, weights, objective))
            found.append([point.afresh() for point in points])  # what was kept for the backward is let go
        moves = self._moves(found[0][0].game.world, weights, _mean(gradients))
        _move(moves, 1)
        try:
            yield found
        finally:
            _move(moves, -1)

    def _moves(
        self, world: World, weights: Sequence[nn.Parameter], gradients: Gradients
    ) -> list[tuple[nn.Parameter, Tensor]]:
        return [
            (weight, self.gamma * weight.detach().norm() / (gradient.norm() + 1e-20) * gradient)
            for weight, gradient in zip(weights, world.average_gradients(gradients, weights), strict=True)
            if gradient is not None
        ]


def _gradients(points: Sequence[Point], weights: Sequence[Tensor], objective: Objective) -> Gradients:
    with points[0].game.turn():
        loss = torch.stack([objective.learn(point).mean() for point in points]).mean()
    return torch.autograd.grad(loss, weights, allow_unused=True)


def _mean(found: Sequence[Gradients]) -> Gradients:
    """The mean of each weight's gradients; those that are missing are zero, and None where all are."""
    if len(found) == 1:
        return found[0]
    known = [[gradient for gradient in gradients if gradient is not None] for gradients in zip(*found, strict=True)]
    return [torch.stack(gradients).sum(0) / len(found) if gradients else None for gradients in known]


@torch.no_grad()
def _move(moves: Sequence[tuple[nn.Parameter, Tensor]], sign: int) -> None:
    for weight, move in moves:
        weight.add_(move, alpha=sign)
