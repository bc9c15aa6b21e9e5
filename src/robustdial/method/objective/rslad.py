"""Robust soft label adversarial distillation: a student follows a teacher's answers, also where an adversary moved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor
from torch.nn import functional as F

from robustdial.checks import fields_fit
from robustdial.logits import single
from robustdial.method.objective.base import View, of_attacked, per_row


@dataclass(frozen=True)
class RSLAD:
    r"""share KL(q(x) || p(x + z)) + (1 - share) KL(q(x) || p(x)), q a robust teacher's answers; the adversary raises
    KL(q(x) || p(x + z)).

    No label is learned from. The teacher is asked on the clean images only. Rows without an adversary learn from the
    clean image alone; on a dial, lambda weighs the two terms.

    Source: Zi et al., Revisiting Adversarial Robustness Distillation: Robust Soft Labels Make Student Better, ICCV
    2021; read from its code.

    Departures from the authors' code: the divergence is a sum over classes (theirs a mean, a tenth of it for ten
    classes, which a larger learning rate makes good).

    Args:
        share: weight of the adversarial term; theirs is 5/6.
    """

    asks_teacher: ClassVar[bool] = True

    share: float = 5 / 6

    def __post_init__(self) -> None:
        fields_fit(self)
        if not 0 <= self.share <= 1:
            raise ValueError(f"share={self.share:g} cannot weigh two losses. Give a share from 0 to 1.")

    def look(self, view: View) -> None:
        pass

    def attack(self, view: View) -> Tensor:
        return _apart(of_attacked(view.teacher_probs, view), view.adv)

    def learn(self, view: View) -> Tensor:
        clean, adv = self.terms(view)
        return clean + adv

    def terms(self, view: View) -> tuple[Tensor, Tensor]:
        weight, teacher = self.share * view.lam, view.teacher_probs
        adv = per_row(_apart(of_attacked(teacher, view), view.adv), view)
        return (1 - weight) * _apart(teacher, view.clean), weight * adv


def _apart(teacher: Tensor, logits: Tensor) -> Tensor:
    """KL(q || p) per row, q probabilities, p of logits; both `[R, K]`."""
    divergence: Tensor = F.kl_div(single(logits).log_softmax(1), teacher, reduction="none").sum(1)
    return divergence
