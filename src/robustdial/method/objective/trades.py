"""TRADES: right on the clean image, and the same answer around it."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from robustdial.method.objective.base import View, cross_entropy, divergence, not_negative, of_attacked, per_row


@dataclass(frozen=True)
class TRADES:
    r"""CE(f(x), y) + beta KL(p(x) || p(x + z)); the adversary raises the divergence.

    Rows without an adversary learn from the clean image alone; on a dial, lambda scales beta.

    Source: Zhang et al., Theoretically Principled Trade-off between Robustness and Accuracy, ICML 2019, eq. 5.

    Departures from the authors' code: one clean forward serves both terms (theirs makes a second one for the
    divergence, with the same value and gradient, which moves running statistics once more); the adversary's target is
    computed once for all its steps.

    Args:
        beta: weight of the divergence; 6 in the paper's robust runs.
    """

    beta: float = 6.0

    def __post_init__(self) -> None:
        not_negative("beta", self.beta)

    def look(self, view: View) -> None:
        pass

    def attack(self, view: View) -> Tensor:
        return divergence(view.reference, view.adv)

    def learn(self, view: View) -> Tensor:
        clean, apart = self.terms(view)
        return clean + apart

    def terms(self, view: View) -> tuple[Tensor, Tensor]:
        clean = cross_entropy(view.clean, view.y)
        apart = divergence(of_attacked(view.clean, view), view.adv)
        return clean, self.beta * view.lam * per_row(apart, view)
