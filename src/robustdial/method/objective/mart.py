"""MART: the adversarial image with a margin, the divergence where the clean image is not sure."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from robustdial.checks import fields_fit
from robustdial.logits import single
from robustdial.method.objective.base import View, cross_entropy, hard, not_negative, of_attacked, per_row

# the authors' guards against logarithms of zero; they are part of the loss
_ROOM, _TINY = 1e-4, 1e-12


@dataclass(frozen=True)
class MART:
    r"""BCE(p(x + z), y) + beta KL(p(x) || p(x + z)) (1 - p_y(x)), where

        BCE(p, y) = -log p_y - log(1.0001 - max_{k != y} p_k).

    The adversary raises the cross-entropy. Rows without an adversary learn from the clean image alone; on a dial,
    lambda weighs this loss against the clean one. Of mixed labels, -log p_y is the cross-entropy with all of them; the
    rivals and p_y(x) are those of the most likely class.

    Source: Wang et al., Improving Adversarial Robustness Requires Revisiting Misclassified Examples, ICLR 2020.

    Args:
        beta: weight of the divergence; 5 or 6 in the paper.
    """

    beta: float = 6.0

    def __post_init__(self) -> None:
        fields_fit(self)
        not_negative("beta", self.beta)

    def look(self, view: View) -> None:
        pass

    def attack(self, view: View) -> Tensor:
        return cross_entropy(view.adv, view.attacked_labels)

    def learn(self, view: View) -> Tensor:
        clean, robust = cross_entropy(view.clean, view.y), per_row(self._robust(view), view)
        return (1 - view.lam) * clean + view.lam * robust

    def _robust(self, view: View) -> Tensor:
        y = hard(view.attacked_labels)[:, None]
        adv, clean = single(view.adv).softmax(1), single(of_attacked(view.clean, view)).softmax(1)
        rival = adv.scatter(1, y, -1.0).amax(1)
        margin = -torch.log(1 + _ROOM - rival + _TINY)
        unsure = 1 + 1e-7 - clean.gather(1, y).squeeze(1)
        apart = F.kl_div(torch.log(adv + _TINY), clean, reduction="none").sum(1)
        return cross_entropy(view.adv, view.attacked_labels) + margin + self.beta * apart * unsure
