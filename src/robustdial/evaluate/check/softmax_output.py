"""The network gives logits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from robustdial.evaluate.check.base import Outcome, raised_if
from robustdial.evaluate.check.evidence import Evidence


@dataclass(frozen=True)
class SoftmaxOutput:
    """Logits must not be probabilities; log-probabilities are harmless."""

    id: ClassVar[str] = "softmax-output"
    title: ClassVar[str] = "Probabilities instead of logits"
    meaning: ClassVar[str] = (
        "The network ends in a softmax or a sigmoid. Losses apply a softmax on top, so that their gradient vanishes "
        "and attacks are weakened."
    )
    remedy: ClassVar[str] = "Evaluate the network without its last softmax or sigmoid. Its answers stay the same."

    tolerance: float = 1e-2  # probabilities in half precision sum to 1 about so closely

    def __call__(self, evidence: Evidence) -> Outcome:
        sums = float((evidence.logits.sum(1) - 1).abs().max())
        least, most = float(evidence.logits.min()), float(evidence.logits.max())
        seen = f"Rows sum to 1 within {sums:.1e}; entries lie between {least:.2g} and {most:.2g}."
        return raised_if(least >= 0 and (most <= 1 or sums < self.tolerance), seen)
