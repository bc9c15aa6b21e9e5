"""There are enough images for the claim."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from robustdial.evaluate.check.base import Outcome, raised_if
from robustdial.evaluate.check.evidence import Evidence, Inapplicable


@dataclass(frozen=True)
class SampleSize:
    """An accuracy needs images, and a difference more of them than its interval is wide."""

    id: ClassVar[str] = "sample-size"
    title: ClassVar[str] = "Too few images for the claim"
    meaning: ClassVar[str] = "Chance alone moves an accuracy on so few images by as much as is claimed."
    remedy: ClassVar[str] = "Measure more images: four times as many halve the interval."

    least: int = 100  # below, the interval of a middling accuracy is wider than 0.19

    def __call__(self, evidence: Evidence) -> Outcome:
        n, interval, gap = evidence.facts.n, evidence.facts.interval, evidence.facts.gap
        if n is None:
            raise Inapplicable("How many images were measured is not known.")
        if interval is None or gap is None:
            return raised_if(n < self.least, f"{n} images were measured.")
        width = interval[1] - interval[0]
        seen = f"{n} images were measured; the interval is {width:.3g} wide, the difference claimed {abs(gap):.3g}."
        return raised_if(n < self.least or width > abs(gap), seen)
