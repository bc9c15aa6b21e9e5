"""Helped: beyond the adversarial image, the answer of a network that was trained without an adversary."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from robustdial.checks import fields_fit
from robustdial.method.objective.base import Objective, View, cross_entropy, of_attacked, per_row


@dataclass(frozen=True)
class Helped:
    r"""Another objective, and gamma CE(f(x + reach z), argmax t(x + z)), t a standardly trained teacher.

    Adversarial training pushes the decision boundary further away than it has to be. The helper image x + reach z,
    beyond the adversarial one, has the label that the teacher gives to the adversarial image, mostly another one than
    y: it holds the boundary near. It may leave [0, 1], as in the authors' code.

    Rows without an adversary have no helper; on a dial, lambda scales gamma.

    Source: Rade & Moosavi-Dezfooli, Reducing Excessive Margin to Achieve a Better Accuracy vs. Robustness Trade-off,
    ICLR 2022.

    Args:
        objective: whose learning loss is helped, such as `TRADES(2.5)`.
        gamma: weight of the helper images.
        reach: how far they are from the image, in perturbations.
    """

    asks_teacher: ClassVar[bool] = True

    objective: Objective
    gamma: float = 0.5
    reach: float = 2.0

    def __post_init__(self) -> None:
        fields_fit(self)
        if not 0 < self.gamma < math.inf:
            raise ValueError(
                f"gamma={self.gamma:g} is no weight of helper images. Give a positive number, such as 0.5."
            )
        if not self.reach > 0:
            raise ValueError(f"reach={self.reach:g} is no distance. Give it in perturbations, such as 2.")

    def look(self, view: View) -> None:
        self.objective.look(view)

    def attack(self, view: View) -> Tensor:
        return self.objective.attack(view)

    def learn(self, view: View) -> Tensor:
        assert view.z is not None, "the adversary has not moved yet"
        loss = self.objective.learn(view)  # before the helpers, as in their code: running statistics see the order
        helper, labels = view.at(self.reach * view.z).adv, view.teacher_adv_probs.argmax(1)
        weight = self.gamma * of_attacked(view.lam, view)
        return loss + per_row(weight * cross_entropy(helper, labels), view)
