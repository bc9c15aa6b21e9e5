"""A check of one's own: are the answers so sure that the loss is nearly flat?

A check looks at evidence that is gathered once for all checks, and says whether something is wrong, in words.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

import robustdial as rd
from robustdial.evaluate.check import Evidence, Outcome, examine, raised_if


@dataclass(frozen=True)
class Overconfident:
    """Probabilities of 1 in single precision have no gradient left."""

    id: ClassVar[str] = "overconfident"
    title: ClassVar[str] = "Answers without doubt"
    meaning: ClassVar[str] = "Where a probability is 1, the cross-entropy is flat and gradients vanish."
    remedy: ClassVar[str] = "Attack the margin of the logits (cw, apgd-dlr, autoattack)."

    share: float = 0.5

    def __call__(self, evidence: Evidence) -> Outcome:
        sure = float((evidence.logits.softmax(1).amax(1) == 1).float().mean())
        return raised_if(sure > self.share, f"{sure:.0%} of the answers have probability 1.")


def main() -> None:
    """Look at a network before and after its logits were multiplied."""
    data = rd.load("digits")
    x, y = next(data.test.batches([torch.arange(64)]))
    weights = torch.randn(64, 10)

    def scaled(factor: float):
        def f(images: Tensor) -> Tensor:
            return factor * images.flatten(1) @ weights

        return f

    for factor in (0.1, 1000.0):
        (finding,) = examine(Evidence(scaled(factor), x.float() / 255, y, rd.Linf(0.1)), [Overconfident()])
        print(f"logits times {factor:g}: {finding.state}. {finding.seen}")


if __name__ == "__main__":
    main()
