"""Auto-PGD: projected gradient ascent that sets its step size itself, on one loss or towards class after class."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from robustdial.attack.best import Best
from robustdial.attack.climb import climb
from robustdial.attack.door import through_door
from robustdial.attack.losses import dlr_targeted
from robustdial.attack.multi_target import ROWS, target_batches
from robustdial.attack.problem import Problem, eval_mode, images, nothing, top_wrong_classes
from robustdial.attack.sparse_climb import sparse_climb
from robustdial.checks import fields_fit
from robustdial.method.objective.base import cross_entropy
from robustdial.method.threat import L1, Threat
from robustdial.typing import Classifier


@dataclass(frozen=True)
class APGD:
    """Auto-PGD from random starts: an image that has fallen is left alone, of any other the highest loss counts.

    A module is attacked in evaluation mode and left as it was.
    Source: Croce & Hein, Reliable Evaluation of Adversarial Robustness with an Ensemble of Diverse Parameter-Free
    Attacks, ICML 2020.
    In L1 it is `sparse_climb`.
    Departs from the authors' code: the start is uniform in the set (theirs is stretched to its border), an image is
    left at the first wrong answer, and the checkpoints are rounded as in the paper (the same for 100 steps).

    Args:
        loss: logits and labels to a loss per row; `cross_entropy`, or `dlr`, which does not know the scale of logits.
        steps: gradient steps of each start.
        restarts: random starts.
        title: of the attack in reports.

    >>> from robustdial.method.threat import Linf
    >>> f = lambda x: torch.stack([x.sum((1, 2, 3)), torch.full((len(x),), 1.7)], dim=1)
    >>> x = torch.full((1, 1, 2, 2), 0.5)
    >>> f(APGD(steps=10)(f, x, torch.tensor([0]), Linf(0.1))).argmax(1)
    tensor([1])
    """

    loss: Callable[[Tensor, Tensor], Tensor] = cross_entropy
    steps: int = 100
    restarts: int = 1
    title: str = "apgd-ce"

    def __post_init__(self) -> None:
        fields_fit(self)
        if self.steps < 1 or self.restarts < 1:
            raise ValueError(
                f"steps={self.steps}, restarts={self.restarts}: an attack needs at least one step and one start."
            )

    @property
    def name(self) -> str:
        return self.title if self.steps == 100 else f"{self.title}-{self.steps}"

    @through_door
    def __call__(self, f: Classifier, x: Tensor, y: Tensor, threat: Threat) -> Tensor:
        problem, best = Problem(f, threat, self.loss, x, (y,)), Best.before(nothing(threat, x))
        with eval_mode(f):
            for _ in range(self.restarts):
                standing = best.standing
                if len(standing):
                    _climb(best, standing, problem.of(standing), self.steps)
        return images(threat, x, best.z)


@dataclass(frozen=True)
class APGDTargeted:
    """Auto-PGD on the targeted DLR loss, towards the likeliest wrong classes.

    Each class has a random start of its own, and an image is left as soon as it has fallen to one. Few images are
    attacked towards several classes together, many towards one class after another.
    Source and departures: as `APGD`.

    Args:
        steps: gradient steps towards each class.
        classes: how many wrong classes, in the order of their clean logits; all of them where there are fewer.
        rows: images times classes attacked together, where one class alone has fewer; 1 to save memory.
        title: of the attack in reports.

    Raises:
        ValueError: the network has fewer than 4 classes.
    """

    steps: int = 100
    classes: int = 9
    rows: int = ROWS
    title: str = "apgd-t"

    def __post_init__(self) -> None:
        fields_fit(self)
        if min(self.steps, self.classes, self.rows) < 1:
            raise ValueError(
                f"steps={self.steps}, classes={self.classes}, rows={self.rows}: an attack needs at least one of each."
            )

    @property
    def name(self) -> str:
        return self.title if self.steps == 100 else f"{self.title}-{self.steps}"

    @through_door
    def __call__(self, f: Classifier, x: Tensor, y: Tensor, threat: Threat) -> Tensor:
        best = Best.before(nothing(threat, x))
        with eval_mode(f):
            with torch.no_grad():
                targets = top_wrong_classes(f(x), y, self.classes)
            for image, target in target_batches(best, targets, self.rows):
                _climb(best, image, Problem(f, threat, dlr_targeted, x[image], (y[image], target)), self.steps)
        return images(threat, x, best.z)


def _climb(best: Best, image: Tensor, problem: Problem, steps: int) -> None:
    """One climb of rows that belong to the images of these numbers."""
    way = sparse_climb if isinstance(problem.given, L1) else climb
    for at in way(problem, problem.threat.noise(problem.x, 1.0, 1.0), steps, image):
        if at.here.misclassified.any():
            best.see(image[at.rows], at.best.z, at.best.score)
    best.see(image[at.rows], at.best.z, at.best.score)
