"""The worst of several random perturbations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from robustdial.checks import fields_fit
from robustdial.method.game import Game, Point
from robustdial.method.modes import Mode
from robustdial.method.solver.base import Memory


@dataclass(frozen=True)
class WorstOf:
    """`passes - 1` perturbations drawn from the whole set; each image keeps the one where its loss is highest.

    For sets of few dimensions in which the loss has many maxima, such as rotations and translations, where an ascent
    finds less. A draw needs no gradient: it counts as a pass, as an ascent's step does, and takes about a third of one.
    With one pass there is no adversary.

    Source: Engstrom et al., Exploring the Landscape of Spatial Robustness, ICML 2019 (worst-of-10).

    Args:
        mode: whether the attacked network runs with its running statistics (eval) or with those of the batch (train).
    """

    mode: Mode = "eval"

    def __post_init__(self) -> None:
        fields_fit(self)

    def play(self, game: Game, passes: int, memory: Memory) -> Iterator[Point]:
        point, draws = game.open(), passes - 1 if game.shard.of else 0
        z = point.zero()
        with game.under_attack(self.mode), torch.no_grad():
            worst = torch.full((len(z),), -torch.inf, device=z.device)
            for _ in range(draws):
                drawn = point.anywhere()
                if not game.called:
                    continue
                loss = game.objective.attack(point.at(drawn))
                z = torch.where((loss > worst).view(-1, *[1] * (z.dim() - 1)), drawn, z)
                worst = torch.maximum(loss, worst)
        yield point.at(z)
