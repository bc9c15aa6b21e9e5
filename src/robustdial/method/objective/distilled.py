"""Labels that a teacher has a say in, for any objective."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from torch import Tensor

from robustdial.checks import fields_fit
from robustdial.method.objective.base import Objective, View, probabilities
from robustdial.method.objective.separable import first_of, rest_of
from robustdial.method.objective.soft import soft


@dataclass(frozen=True)
class Distilled:
    r"""Another objective whose weights learn from (1 - share) y + share p(x), p being a teacher's answer.

    The teacher sees the clean image, also where the adversarial one is learned from. A teacher that was trained without
    an adversary tells which classes an image is near to; what it says has more to learn from than the label alone. The
    adversary keeps the labels as they are.

    Source: Hinton et al., Distilling the Knowledge in a Neural Network, 2015, at temperature 1; a standard network as
    the guide of a robust one: Cui et al., Learnable Boundary Guided Adversarial Training, ICCV 2021.

    Args:
        objective: whose labels the teacher has a say in.
        share: of the teacher, from 0 to 1.
    """

    asks_teacher: ClassVar[bool] = True

    objective: Objective
    share: float = 0.5

    def __post_init__(self) -> None:
        fields_fit(self)
        if not 0 <= self.share <= 1:
            raise ValueError(f"share={self.share:g}: give the teacher's share of the label, from 0 to 1.")

    def look(self, view: View) -> None:
        self.objective.look(view)

    def attack(self, view: View) -> Tensor:
        return self.objective.attack(view)

    def learn(self, view: View) -> Tensor:
        return self.objective.learn(self._soft(view))

    def first(self, view: View) -> Tensor | None:
        return first_of(self.objective, self._soft(view))

    def rest(self, view: View) -> Iterator[Tensor]:
        return rest_of(self.objective, self._soft(view))

    def _soft(self, view: View) -> View:
        return soft(view, partial(_distilled, view, self.share))


def _distilled(view: View, share: float) -> Tensor:
    """Labels `[B, K]`."""
    teacher_probs = view.teacher_probs
    return (1 - share) * probabilities(view.y, teacher_probs.shape[1]) + share * teacher_probs
