"""The objective of once-for-all adversarial training: lambda weighs the adversarial against the clean loss."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from robustdial.method.objective.base import View, cross_entropy, per_row


@dataclass(frozen=True)
class Blend:
    r"""Per row, (1 - share lambda) CE(f(x, lambda), y) + share lambda CE(f(x + z, lambda), y).

    Rows at lambda = 0 have no adversary and learn from the clean image alone.

    Source: Wang et al., Once-for-All Adversarial Training, NeurIPS 2020. Without a dial, lambda is 1 and `share` alone
    weighs natural against adversarial images.

    Args:
        share: weight of the adversarial loss at lambda = 1.
    """

    share: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise ValueError(f"share={self.share:g} cannot weigh two losses. Give a share from 0 to 1.")

    def look(self, view: View) -> None:
        _ = view.clean

    def attack(self, view: View) -> Tensor:
        return cross_entropy(view.adv, view.attacked_labels)

    def learn(self, view: View) -> Tensor:
        clean, adv = self.terms(view)
        return clean + adv

    def terms(self, view: View) -> tuple[Tensor, Tensor]:
        clean = cross_entropy(view.clean, view.y)
        adv = cross_entropy(view.adv, view.attacked_labels)
        weight = self.share * view.lam
        return (1 - weight) * clean, weight * per_row(adv, view)
