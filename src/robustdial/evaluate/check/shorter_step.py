"""A longer way is a stronger attack."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from robustdial.evaluate.check.base import Outcome, raised_if
from robustdial.evaluate.check.evidence import Evidence


@dataclass(frozen=True)
class ShorterStep:
    """What a short step breaks should not stand again after a longer one.

    Source: Kim, Lee & Lee, Understanding Catastrophic Overfitting in Single-step Adversarial Training, AAAI 2021.
    """

    id: ClassVar[str] = "shorter-step"
    title: ClassVar[str] = "A shorter step beats the full one"
    meaning: ClassVar[str] = (
        "The network is right at the end of one full step and wrong on the way there. It has learned that "
        "step and no more (catastrophic overfitting): accuracy under one-step attacks says nothing."
    )
    remedy: ClassVar[str] = (
        "Report many-step attacks only. Train with more steps, a random start or gradient alignment."
    )

    share: float = 0.2  # a few images stand again on any network, far outside its robust radius

    def __call__(self, evidence: Evidence) -> Outcome:
        end, fell = evidence.along_step[-1], ~evidence.along_step[:-1].all(0)
        again = int((end & fell).sum())
        seen = f"{int(end.sum())} of {len(end)} images stand at the end of one step; {again} of these fell on the way."
        return raised_if(again >= max(3, self.share * len(end)), seen)
