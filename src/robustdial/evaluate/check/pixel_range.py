"""The images are in [0, 1]."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from robustdial.evaluate.check.base import Outcome, raised_if
from robustdial.evaluate.check.evidence import OUTSIDE, Evidence


@dataclass(frozen=True)
class PixelRange:
    """Images must be in [0, 1]: there threats live, and radii are stated."""

    id: ClassVar[str] = "pixel-range"
    title: ClassVar[str] = "Images outside [0, 1]"
    meaning: ClassVar[str] = (
        "The images are normalised already, or in other units. A radius in pixels of [0, 1] then means "
        "something else, and attacks are cut off at the wrong ends."
    )
    remedy: ClassVar[str] = "Load the images in [0, 1], and put the normalisation into the network as its first layer."

    tolerance: float = OUTSIDE

    def __call__(self, evidence: Evidence) -> Outcome:
        low, high = (float(end) for end in evidence.x.aminmax())
        return raised_if(
            low < -self.tolerance or high > 1 + self.tolerance, f"Pixels lie between {low:.3g} and {high:.3g}."
        )
