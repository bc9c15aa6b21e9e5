"""Consistent: the probabilities where the adversary sets out and where it arrives are alike."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from robustdial.checks import fields_fit
from robustdial.logits import single
from robustdial.method.objective.base import Objective, View, not_negative, per_row


@dataclass(frozen=True)
class Consistent:
    r"""Another objective, and weight JS(p(x + s), p(x + z)), s the start of the adversary.

        JS(p, q) = KL(p || m) / 2 + KL(q || m) / 2,    m = (p + q) / 2

    Rows without an adversary have no such term.

    Source: Pan et al., Mitigating Catastrophic Overfitting in Fast Adversarial Training via Label Information
    Elimination, ICCV 2025.

    Departures from the authors' code: the weight is the same throughout, theirs grows from 0 with the epochs.

    Args:
        objective: whose learning loss is regularised.
        weight: of the divergence.
    """

    objective: Objective
    weight: float = 100.0

    def __post_init__(self) -> None:
        fields_fit(self)
        not_negative("weight", self.weight)

    def look(self, view: View) -> None:
        self.objective.look(view)

    def attack(self, view: View) -> Tensor:
        return self.objective.attack(view)

    def learn(self, view: View) -> Tensor:
        apart = jensen_shannon(view.adv, view.at(view.start).adv)
        return self.objective.learn(view) + self.weight * per_row(apart, view)


def jensen_shannon(a: Tensor, b: Tensor) -> Tensor:
    """Jensen-Shannon divergence per row `[V]` of the probabilities of two sets of logits `[V, K]`.

    >>> jensen_shannon(torch.tensor([[0.0, 0.0]]), torch.tensor([[0.0, 0.0]]))
    tensor([0.])
    """
    p, q = single(a).log_softmax(1), single(b).log_softmax(1)
    middle = torch.logaddexp(p, q) - math.log(2)
    apart_p, apart_q = (F.kl_div(middle, side, reduction="none", log_target=True).sum(1) for side in (p, q))
    return (apart_p + apart_q) / 2
