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
    grey image for each class in the batch; a class that has none yet sets out from noise alone. Of mixed labels, the
    most likely class is told.

    Source: Pan et al., Mitigating Catastrophic Overfitting in Fast Adversarial Training via Label Information
    Elimination, ICCV 2025.

    Departures from the authors' code: the classes' perturbations are made of the labels that the batch has (theirs of
    all classes); for radii beyond 8/255 theirs draws the noise from twice the set.

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
        game, y = point.game, hard(point.attacked_labels)
        noise = point.anywhere()
        if not len(y):
            return noise
        batches = memory.setdefault("batches", torch.zeros((), dtype=torch.int64))
        if batches % self.every == 0:
            self._make(point, memory)
        batches += 1
        known = y < len(memory["labels"])
        told = memory["labels"][y.where(known, 0)] * per_row(game.threat.radius * game.reach, noise)
        share = self.least + (self.most - self.least) * torch.rand(()).item()
        replaced = (torch.rand_like(noise) < share) | per_row(~known, noise)
        sign = 1.0 if torch.rand(()) < 0.5 else -1.0
        return game.threat.project(sign * torch.where(replaced, noise, told), game.attacked_images, game.reach)

    def _make(self, point: Point, memory: Memory) -> None:
        """The steepest way on a grey image, of length 1, for each class `[K, C, H, W]` in `memory["labels"]`."""
        game = point.game
        classes, first = _first_of_each(hard(point.attacked_labels))
        some = point.among(first, classes)
        grey = _GREY - some.game.attacked_images
        with game.under_attack("eval"):
            gradient = some.game.gradient(grey, some)
        ways = game.threat.ascend(torch.zeros_like(grey), gradient, 1.0)
        kept = memory.get("labels", grey[:0])
        missing = int(classes.max()) + 1 - len(kept)
        if missing > 0:
            kept = torch.cat([kept, kept.new_zeros(missing, *grey.shape[1:])])
        kept[classes] = ways
        memory["labels"] = kept


def _first_of_each(y: Tensor) -> tuple[Tensor, Tensor]:
    """The classes in `y` `[V]`, ascending, and the row of the first image of each.

    >>> _first_of_each(torch.tensor([2, 0, 2, 5]))
    (tensor([0, 2, 5]), tensor([1, 0, 3]))
    """
    classes: Tensor = torch.unique(y)
    return classes, (y == classes[:, None]).int().argmax(1)
