"""Label smoothing for any objective."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from torch import Tensor

from robustdial.checks import fields_fit
from robustdial.method.objective.base import Objective, View, probabilities
from robustdial.method.objective.separable import first_of, rest_of
from robustdial.method.objective.soft import soft


@dataclass(frozen=True)
class Smoothed:
    """Another objective whose weights learn from smoothed labels: (1 - amount) on y, the rest on all classes alike.

    The adversary keeps the labels as they are.

    Source: Szegedy et al., Rethinking the Inception Architecture for Computer Vision, CVPR 2016, section 7; in
    adversarial training, Pang et al., Bag of Tricks for Adversarial Training, ICLR 2021.

    Args:
        objective: what to smooth.
        amount: share of the probability that is spread, in [0, 1).
    """

    objective: Objective
    amount: float

    def __post_init__(self) -> None:
        fields_fit(self)
        if not 0 <= self.amount < 1:
            raise ValueError(
                f"Label smoothing of {self.amount:g} leaves nothing to learn. Give a share from 0 to below 1."
            )

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
        return soft(view, partial(_smoothed, view, self.amount))


def _smoothed(view: View, amount: float) -> Tensor:
    """Labels `[B, K]`; the number of classes is that of the logits that are known."""
    classes = (view.clean if view.z is None else view.adv).shape[1]
    return probabilities(view.y, classes) * (1 - amount) + amount / classes
