"""Adversarial training: learn from the worst case only."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from robustdial.method.objective.base import View, cross_entropy


@dataclass(frozen=True)
class AT:
    r"""Cross-entropy on the adversarial images, for both sides.

        min_w  max_{z in S}  CE(f_w(x + z), y)

    Rows without an adversary learn from the clean image.

    Source: Madry et al., Towards Deep Learning Models Resistant to Adversarial Attacks, ICLR 2018, eq. 2.1.
    """

    def look(self, view: View) -> None:
        pass

    def attack(self, view: View) -> Tensor:
        return cross_entropy(view.adv, view.attacked_labels)

    def learn(self, view: View) -> Tensor:
        return cross_entropy(view.shown, view.y)
