"""Nuclear: right on the clean image, and a batch of answers that moves in few directions."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from robustdial.checks import fields_fit
from robustdial.logits import single
from robustdial.method.objective.base import View, cross_entropy, every_second, not_negative, of_attacked


@dataclass(frozen=True)
class Nuclear:
    r"""CE(f(x), y) + weight / B ||D||_*, the rows of D being f(x_i + z_i) - f(x_i) over the batch.

    The nuclear norm, the sum of the singular values, is large where the answers of many images move in many directions;
    it ties the images of a batch to each other, so that no image's answer can hide a change. The adversary raises the
    cross-entropy at x + z and, for every second image of a batch, the norm too.

    Rows without an adversary learn from the clean image alone; on a dial, lambda scales the rows of D.

    Source: Sriramanan et al., Towards Efficient and Effective Adversarial Training, NeurIPS 2021.

    Departures from the authors' code: the guide changes from image to image, theirs from batch to batch; the weight is
    the same throughout, theirs grows from 0 with the epochs.

    Args:
        weight: of the norm.
    """

    weight: float = 4.5

    def __post_init__(self) -> None:
        fields_fit(self)
        not_negative("weight", self.weight)

    def look(self, view: View) -> None:
        _ = view.reference  # the answer that guides is that of the network as it learns, not as it is attacked

    def attack(self, view: View) -> Tensor:
        adv = single(view.adv)
        guided = torch.where(every_second(view)[:, None], adv, adv.detach())  # no gradient for the others
        norm = _norm(guided - single(view.reference))
        return cross_entropy(view.adv, view.attacked_labels) + self.weight * norm / max(len(adv), 1)

    def learn(self, view: View) -> Tensor:
        moved = single(view.adv) - single(of_attacked(view.clean, view))
        norm = _norm(of_attacked(view.lam, view)[:, None] * moved)
        return cross_entropy(view.clean, view.y) + self.weight * norm / len(view.y)


def _norm(rows: Tensor) -> Tensor:
    """The sum of the singular values of a matrix `[V, K]`; 0 without rows."""
    values: Tensor = torch.linalg.svdvals(rows) if len(rows) else rows
    return values.sum()
