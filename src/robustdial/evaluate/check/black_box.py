"""Knowing the gradient helps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from robustdial.evaluate.check.base import Outcome, raised_if_weaker_wins
from robustdial.evaluate.check.evidence import QUERIES, Evidence


@dataclass(frozen=True)
class BlackBox:
    """An attack that asks for logits alone may not find what many gradient steps miss.

    Source: Athalye, Carlini & Wagner, Obfuscated Gradients Give a False Sense of Security, ICML 2018.
    """

    id: ClassVar[str] = "black-box"
    title: ClassVar[str] = "Black box beats white box"
    meaning: ClassVar[str] = (
        "A random search of few queries breaks images that gradient steps leave standing, though it knows "
        "less. The gradient is masked."
    )
    remedy: ClassVar[str] = (
        "Report an attack without gradients (Square with 5,000 queries, as in AutoAttack), and look for what "
        "masks the gradient."
    )

    share: float = 0.05  # a single run of many steps may miss an image or two

    def __call__(self, evidence: Evidence) -> Outcome:
        return raised_if_weaker_wins(evidence, evidence.queries, f"a search of {QUERIES} queries (Square)", self.share)
