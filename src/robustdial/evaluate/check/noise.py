"""Gradients are stronger than chance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from robustdial.evaluate.check.base import Outcome, raised_if_weaker_wins
from robustdial.evaluate.check.evidence import DRAWS, Evidence


@dataclass(frozen=True)
class Noise:
    """Random directions may not find what many gradient steps miss.

    Source: Athalye, Carlini & Wagner, Obfuscated Gradients Give a False Sense of Security, ICML 2018.
    """

    id: ClassVar[str] = "noise"
    title: ClassVar[str] = "Noise beats gradients"
    meaning: ClassVar[str] = (
        "Random changes of the same size fell images that gradient steps leave standing. The gradient does "
        "not point to where the network errs."
    )
    remedy: ClassVar[str] = (
        "Attack without gradients (Square) or through a smooth substitute (BPDA), and look for the layer that "
        "masks the gradient."
    )

    share: float = 0.05  # a single run of many steps may miss an image or two

    def __call__(self, evidence: Evidence) -> Outcome:
        return raised_if_weaker_wins(evidence, evidence.noise, f"noise in {DRAWS} random directions", self.share)
