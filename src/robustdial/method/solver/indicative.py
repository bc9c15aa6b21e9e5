"""Indicative: a start from what a network knows of a class without an image."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from robustdial.checks import fields_fit
from robustdial.method.game import Point
from robustdial.method.objective.base import hard
from robustdial.method.solver.base import Memory, a_share
from robustdial.method.threat.base import per_row

_GREY = 0.5


@dataclass(frozen=True)
class Indicative:
    r"""The perturbation that tells a class's label on a grey image, added or taken away, partly replaced by noise.

        I_k = radius steepest(grad CE(f(grey), k)),    start = +-I_y where a pixel keeps it, uniform noise elsewhere

    A network that overfits to its own one-step adversary reads the label from it. A start that shows the label at
    random, with either sign, has nothing to be read. The perturbations of all classes are made anew now and then, of a
    grey image for each. Of mixed labels, the most likely class is told.

    Source: Pan et al., Mitigating Catastrophic Overfitting in Fast Adversarial Training via Label Information
    Elimination, ICCV 2025.

    Departures from the authors' code: the start is forwarded once more where weights learn (theirs keeps the graph of
    the attack); for radii beyond 8/255 theirs draws the noise from twice the set.

    Args:
        every: batches from one making of the classes' perturbations to the next.
        least: smallest share of a batch's pixels that noise replaces; the share is drawn anew for each batch.
        most: largest share of them.
    """

    every: int = 20
    least: float = 0.1
    most: float = 0.5

    def __post_init__(self) -> None:
        fields_fit(self)
        a_share("least", self.least)
        a_share("most", self.most)
        if self.every < 1:
            raise ValueError(f"every={self.every}: the classes' perturbations are made after at least 1 batch.")
        if self.most < self.least:
            raise ValueError(
                f"least={self.least:g} to most={self.most:g}: the range is empty. Give the smaller share first."
            )

    def draw(self, point: Point, memory: Memory) -> Tensor:
        game, y, noise = point.game, hard(point.attacked_labels), point.anywhere()
        share = self.least + (self.most - self.least) * torch.rand(()).item()
        replaced = game.drawn(torch.rand_like, noise) < share
        sign = 1.0 if torch.rand(()) < 0.5 else -1.0
        if game.begins:  # the first rows of a batch look for all of its parts
            batches = memory.setdefault("batches", torch.zeros((), dtype=torch.int64))
            if batches % self.every == 0 and game.called and len(ways := _steepest(point)):
                memory["ways"] = ways
            batches += 1
        if not len(y) or "ways" not in memory:  # the process had no row when they were made
            return noise
        told = memory["ways"][y] * per_row(game.threat.radius * game.reach, noise)
        return game.threat.project(sign * torch.where(replaced, noise, told), game.attacked_images, game.reach)


def _steepest(point: Point) -> Tensor:
    """The steepest way on a grey image, of length 1, for each class `[K, C, H, W]`; none without an attacked row."""
    row = torch.arange(len(point.attacked_labels), device=point.lam.device)[:1]
    with point.game.under_attack("eval"):
        one = point.among(row)
        classes = torch.arange(one.at(one.zero()).adv.shape[1], device=row.device)
        return torch.cat([_ways(point, row, some) for some in torch.split(classes, len(point.y))])


def _ways(point: Point, row: Tensor, classes: Tensor) -> Tensor:
    """That of some classes, at the row's position of the dial."""
    some = point.among(row.repeat(len(classes)), classes[: len(classes) * len(row)])
    grey = _GREY - some.game.attacked_images
    gradient = some.game.gradient(grey, some)
    return some.game.threat.ascend(torch.zeros_like(grey), gradient, 1.0)
