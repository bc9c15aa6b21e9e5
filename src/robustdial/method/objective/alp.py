"""Adversarial logit pairing."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from robustdial.checks import fields_fit
from robustdial.logits import single
from robustdial.method.objective.base import View, cross_entropy, not_negative, of_attacked, per_row


@dataclass(frozen=True)
class ALP:
    r"""CE(f(x), y) + CE(f(x + z), y) + weight mean_k (f_k(x) - f_k(x + z))^2; the adversary raises the cross-entropy.

    Rows without an adversary learn from the clean image alone; on a dial, lambda scales the last two terms.

    Source: Kannan et al., Adversarial Logit Pairing, 2018. Its published robustness did not stand (Engstrom et al.,
    Evaluating and Understanding the Robustness of Adversarial Logit Pairing, 2018): measure with more than its own
    attack.

    Args:
        weight: of the squared distance between the two answers.
    """

    weight: float = 0.5

    def __post_init__(self) -> None:
        fields_fit(self)
        not_negative("weight", self.weight)

    def look(self, view: View) -> None:
        pass

    def attack(self, view: View) -> Tensor:
        return cross_entropy(view.adv, view.attacked_labels)

    def learn(self, view: View) -> Tensor:
        apart = (single(of_attacked(view.clean, view)) - single(view.adv)).square().mean(1)
        robust = cross_entropy(view.adv, view.attacked_labels) + self.weight * apart
        return cross_entropy(view.clean, view.y) + view.lam * per_row(robust, view)
