"""Matched: right on the clean image, and the same probabilities on the adversarial one."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from robustdial.checks import fields_fit
from robustdial.logits import single
from robustdial.method.objective.base import (
    View,
    cross_entropy,
    every_second,
    not_negative,
    of_attacked,
    per_row,
)


@dataclass(frozen=True)
class Matched:
    r"""CE(f(x), y) + weight ||p(x) - p(x + z)||^2; the adversary raises the same two terms, CE at x + z.

    The distance guides the adversary away from the clean answer, where the cross-entropy alone is flat. It does so for
    every second image of a batch; the others' adversary raises the cross-entropy alone, so that the network cannot
    prepare for one of the two.

    Rows without an adversary learn from the clean image alone; on a dial, lambda scales the weight.

    Source: Sriramanan et al., Guided Adversarial Attack for Evaluating and Enhancing Adversarial Defenses, NeurIPS
    2020.

    Departures from the authors' code: the guide changes from image to image, theirs from batch to batch.

    Args:
        weight: of the squared distance.
    """

    weight: float = 10.0

    def __post_init__(self) -> None:
        fields_fit(self)
        not_negative("weight", self.weight)

    def look(self, view: View) -> None:
        _ = view.reference  # the answer that guides is that of the network as it learns, not as it is attacked

    def attack(self, view: View) -> Tensor:
        apart = _distance(view.reference, view.adv)
        wrong = cross_entropy(view.adv, view.attacked_labels)
        return wrong + self.weight * every_second(view) * apart

    def learn(self, view: View) -> Tensor:
        clean, apart = self.terms(view)
        return clean + apart

    def terms(self, view: View) -> tuple[Tensor, Tensor]:
        adv = view.adv  # before the clean images, as in the authors' code: running statistics see the order
        apart = per_row(_distance(of_attacked(view.clean, view), adv), view)
        return cross_entropy(view.clean, view.y), self.weight * view.lam * apart


def _distance(clean: Tensor, adv: Tensor) -> Tensor:
    """Squared distance of the probabilities per row `[V]`."""
    return (single(clean).softmax(1) - single(adv).softmax(1)).square().sum(1)
