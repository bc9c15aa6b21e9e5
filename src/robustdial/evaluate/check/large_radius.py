"""No network stands at a radius that leaves no picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from robustdial.evaluate.check.base import Outcome, raised_if
from robustdial.evaluate.check.evidence import Evidence


@dataclass(frozen=True)
class LargeRadius:
    """Where all images can be made the same grey, one answer is right for them all only as often as its class occurs.

    Source: Carlini et al., On Evaluating Adversarial Robustness, 2019.
    """

    id: ClassVar[str] = "large-radius"
    title: ClassVar[str] = "Standing at any radius"
    meaning: ClassVar[str] = (
        "Images stand although the attack may wipe them out. The attack fails, not the adversary: it would "
        "fail at the stated radius too."
    )
    remedy: ClassVar[str] = (
        "Attack without gradients (Square) and with other losses, until the accuracy at this radius falls to "
        "that of a constant answer."
    )

    def __call__(self, evidence: Evidence) -> Outcome:
        standing, commonest = int(evidence.large_radius.sum()), int(evidence.correct.y.bincount().max())
        seen = (
            f"{standing} of {len(evidence.large_radius)} images stand at a radius at which all can be the same grey; "
            f"the commonest class has {commonest}."
        )
        return raised_if(standing > commonest, seen)
