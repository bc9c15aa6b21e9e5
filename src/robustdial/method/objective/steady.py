"""Steady: the logits where the adversary sets out and where it arrives are alike."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from robustdial.checks import fields_fit
from robustdial.logits import single
from robustdial.method.objective.base import Objective, View, not_negative, per_row


@dataclass(frozen=True)
class Steady:
    r"""Another objective, and weight mean_k (f_k(x + z) - f_k(x + s))^2, s the start of the adversary.

    What a network overfits to in one-step training is that step: its answers turn around between start and end. Rows
    without an adversary have no such term.

    Source: Jia et al., Prior-Guided Adversarial Initialization for Fast Adversarial Training, ECCV 2022.

    Args:
        objective: whose learning loss is regularised.
        weight: of the squared distance.
    """

    objective: Objective
    weight: float = 10.0

    def __post_init__(self) -> None:
        fields_fit(self)
        not_negative("weight", self.weight)

    def look(self, view: View) -> None:
        self.objective.look(view)

    def attack(self, view: View) -> Tensor:
        return self.objective.attack(view)

    def learn(self, view: View) -> Tensor:
        apart = (single(view.adv) - single(view.at(view.start).adv)).square().mean(1)
        return self.objective.learn(view) + self.weight * per_row(apart, view)
