"""Abnormal: where a step of the adversary lowers the loss, the answers are not to move further than elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from robustdial.checks import fields_fit
from robustdial.logits import single
from robustdial.method.objective.base import Objective, View, cross_entropy, not_negative


@dataclass(frozen=True)
class Abnormal:
    r"""Another objective, and weight share(A) max(0, mean_A d - mean_N d),    d = ||f(x + z) - f(x + s)||^2.

    A are the images whose cross-entropy is lower at the end z of the adversary's way than at its start s, N the others.
    A network that begins to overfit to its one-step adversary has ever more of A, and their answers move ever further.
    What it answers at the start, and the mean over N, are constants.

    Source: Lin et al., Eliminating Catastrophic Overfitting via Abnormal Adversarial Examples Regularization, NeurIPS
    2023 (AAER).

    Departures from the authors' code: theirs adds how far the loss over A was lowered, which has no gradient there and
    is left out.

    Args:
        objective: whose learning loss is regularised.
        weight: of how much further the answers of A have moved.
    """

    objective: Objective
    weight: float = 1.5

    def __post_init__(self) -> None:
        fields_fit(self)
        not_negative("weight", self.weight)

    def look(self, view: View) -> None:
        self.objective.look(view)

    def attack(self, view: View) -> Tensor:
        return self.objective.attack(view)

    def learn(self, view: View) -> Tensor:
        return self.objective.learn(view) + self._penalty(view)

    def _penalty(self, view: View) -> Tensor:
        y = view.attacked_labels
        with torch.no_grad():
            start = view.at_start
            abnormal = cross_entropy(start, y) > cross_entropy(view.adv, y)
        moved = (single(view.adv) - single(start)).square().sum(1)
        further = _mean(moved, abnormal) - _mean(moved, ~abnormal).detach()
        share = abnormal.sum() * (~abnormal).any() / len(view.y)  # without others there is nothing to compare with
        return self.weight * share * further.clamp_min(0)


def _mean(values: Tensor, where: Tensor) -> Tensor:
    """The mean of `values` `[V]` where `where`; 0 if there is none."""
    mean: Tensor = (values * where).sum() / where.sum().clamp_min(1)
    return mean
