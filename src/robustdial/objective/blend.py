"""The objective of once-for-all adversarial training: lambda weighs the adversarial against the clean loss."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from robustdial.objective.base import View, cross_entropy, per_row


@dataclass(frozen=True)
class Blend:
    r"""Per row, (1 - lambda) CE(f(x, lambda), y) + lambda CE(f(x + z, lambda), y).

    Rows at lambda = 0 have no adversary and learn from the clean image alone.

    Source: Wang et al., Once-for-All Adversarial Training, NeurIPS 2020.
    """

    def look(self, view: View) -> None:
        _ = view.clean

    def attack(self, view: View) -> Tensor:
        return cross_entropy(view.adv, view.victim_y)

    def learn(self, view: View) -> Tensor:
        clean = cross_entropy(view.clean, view.y)
        adv = cross_entropy(view.adv, view.victim_y)
        return (1 - view.lam) * clean + view.lam * per_row(adv, view)
