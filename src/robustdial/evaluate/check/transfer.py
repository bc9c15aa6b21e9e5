"""Attacking the network itself is stronger than attacking another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from robustdial.evaluate.check.base import Outcome, raised_if_weaker_wins
from robustdial.evaluate.check.evidence import Evidence


@dataclass(frozen=True)
class Transfer:
    """Adversarial images of another network may not break what many gradient steps miss.

    Source: Athalye, Carlini & Wagner, Obfuscated Gradients Give a False Sense of Security, ICML 2018.
    """

    id: ClassVar[str] = "transfer"
    title: ClassVar[str] = "Transfer beats white box"
    meaning: ClassVar[str] = (
        "Adversarial images that were made for another network fell images that gradient steps on this one "
        "leave standing. The gradient is masked."
    )
    remedy: ClassVar[str] = (
        "Count attacks transferred from similar networks in the robust accuracy, and look for what masks the gradient."
    )

    share: float = 0.05  # a single run of many steps may miss an image or two

    def __call__(self, evidence: Evidence) -> Outcome:
        return raised_if_weaker_wins(evidence, evidence.transferred, "an attack on the other network", self.share)
