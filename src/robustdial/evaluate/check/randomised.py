"""The same images get the same answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from robustdial.evaluate.check.base import Outcome, raised_if
from robustdial.evaluate.check.evidence import RANDOM, Evidence


@dataclass(frozen=True)
class Randomised:
    """The same images must get the same logits.

    Source: Athalye, Carlini & Wagner, Obfuscated Gradients Give a False Sense of Security, ICML 2018.
    """

    id: ClassVar[str] = "randomised"
    title: ClassVar[str] = "Random answers"
    meaning: ClassVar[str] = (
        "The network draws random numbers when it answers. A gradient is that of one draw, so that attacks "
        "look weaker than an adversary who averages over many."
    )
    remedy: ClassVar[str] = (
        "Attack the expectation over the draws (EOT), and count an image as robust only if it stands in many of them."
    )

    def __call__(self, evidence: Evidence) -> Outcome:
        runs = len(evidence.runs)
        seen = (
            f"In {runs} runs on the same images, logits differ by up to {evidence.output_variation:.2g} of their range."
        )
        return raised_if(evidence.output_variation > RANDOM, seen)
