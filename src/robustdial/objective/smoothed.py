"""Label smoothing for any objective."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from torch import Tensor
from torch.nn import functional as F

from robustdial.objective.base import Objective, View


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
        if not 0 <= self.amount < 1:
            raise ValueError(
                f"Label smoothing of {self.amount:g} leaves nothing to learn. Give a share from 0 to below 1."
            )

    def look(self, view: View) -> None:
        self.objective.look(view)

    def attack(self, view: View) -> Tensor:
        return self.objective.attack(view)

    def learn(self, view: View) -> Tensor:
        return self.objective.learn(_SmoothView(view, self.amount))


class _SmoothView:
    """A view whose labels are probabilities `[B, K]`; everything else is that of `view`."""

    def __init__(self, view: View, amount: float) -> None:
        self._view, self._amount = view, amount
        self.lam, self.z = view.lam, view.z
        self.at, self.zero, self.anywhere = view.at, view.zero, view.anywhere

    @cached_property
    def y(self) -> Tensor:
        return self._smooth(self._view.y)

    @cached_property
    def victim_y(self) -> Tensor:
        return self._smooth(self._view.victim_y)

    @property
    def guessed(self) -> Tensor:
        return self._view.guessed

    @property
    def clean(self) -> Tensor:
        return self._view.clean

    @property
    def adv(self) -> Tensor:
        return self._view.adv

    @property
    def shown(self) -> Tensor:
        return self._view.shown

    @property
    def reference(self) -> Tensor:
        return self._view.reference

    def _smooth(self, y: Tensor) -> Tensor:
        classes = self._view.adv.shape[1]
        return F.one_hot(y, classes) * (1 - self._amount) + self._amount / classes
