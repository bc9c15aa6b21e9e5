"""The cascade's attack without gradients has nothing left to find."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from robustdial.evaluate.check.base import Outcome, raised_if
from robustdial.evaluate.check.evidence import Evidence, Inapplicable


@dataclass(frozen=True)
class Cascaded:
    """After gradient attacks of full strength, Square breaks next to nothing.

    Source: the flags of AutoAttack's authors (Croce & Hein, ICML 2020), who take 0.2 %.
    """

    id: ClassVar[str] = "cascade"
    title: ClassVar[str] = "Square breaks what gradients left"
    meaning: ClassVar[str] = (
        "In the cascade that was run, the attack without gradients breaks images that all gradient attacks had "
        "left. The gradient is masked, and stronger black-box attacks may fell more."
    )
    remedy: ClassVar[str] = "Run Square with more queries and restarts, and look for what masks the gradient."

    share: float = 0.002  # of all images; in the published runs Square finds 0.02 % at the most

    def __call__(self, evidence: Evidence) -> Outcome:
        squares = [stage for stage in evidence.facts.stages if stage.attack.startswith("square")]
        if not squares or evidence.facts.stages[0] in squares:
            raise Inapplicable("No cascade was run in which Square follows gradient attacks.")
        n, fell = evidence.facts.n or evidence.facts.stages[0].tried, sum(s.tried - s.standing for s in squares)
        seen = f"Square breaks {fell} images that gradient attacks left, {fell / n:.2%} of {n}."
        return raised_if(fell >= 3 and fell > self.share * n, seen)
