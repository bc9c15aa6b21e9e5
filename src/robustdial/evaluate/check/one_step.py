"""Many steps are stronger than one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from robustdial.evaluate.check.base import Outcome, raised_if_weaker_wins
from robustdial.evaluate.check.evidence import Evidence


@dataclass(frozen=True)
class OneStep:
    """One step may not find what many steps miss.

    Source: Athalye, Carlini & Wagner, Obfuscated Gradients Give a False Sense of Security, ICML 2018.
    """

    id: ClassVar[str] = "one-step"
    title: ClassVar[str] = "One step beats many"
    meaning: ClassVar[str] = (
        "One step breaks images that many short steps leave standing. The many steps are misled, so their "
        "robust accuracy is too high."
    )
    remedy: ClassVar[str] = (
        "Attack with more restarts, other losses and without gradients; look for the layer that masks the gradient."
    )

    share: float = 0.05  # a single run of many steps may miss an image or two

    def __call__(self, evidence: Evidence) -> Outcome:
        return raised_if_weaker_wins(evidence, evidence.single_step, "one step over the whole radius", self.share)
