"""The objective of once-for-all adversarial training: lambda weighs the adversarial against the clean loss."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from robustdial.checks import fields_fit
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
        fields_fit(self)
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
        return self.first(view), self._adversarial(view)

    def first(self, view: View) -> Tensor:
        return (1 - self.share * view.lam) * cross_entropy(view.clean, view.y)

    def rest(self, view: View) -> Iterator[Tensor]:
        if view.called and self.share:
            yield self._adversarial(view)

    def _adversarial(self, view: View) -> Tensor:
        if not self.share:  # nobody asks for the adversarial images
            return torch.zeros_like(view.lam)
        return self.share * view.lam * per_row(cross_entropy(view.adv, view.attacked_labels), view)
