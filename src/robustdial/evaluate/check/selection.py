"""The images that are measured chose nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from robustdial.evaluate.check.base import Outcome, raised_if
from robustdial.evaluate.check.evidence import Evidence, Inapplicable


@dataclass(frozen=True)
class Selection:
    """Images that are measured must not have trained the network, nor chosen its checkpoint."""

    id: ClassVar[str] = "selection"
    title: ClassVar[str] = "Measured where it was chosen"
    meaning: ClassVar[str] = (
        "The checkpoint was trained or chosen on the images that are measured, so that the accuracy is too "
        "high by what chance gave the best of many."
    )
    remedy: ClassVar[str] = (
        "Choose the checkpoint on a part of the training set that is held out, and measure the test part once."
    )

    def __call__(self, evidence: Evidence) -> Outcome:
        part, chosen_on = evidence.facts.part, evidence.facts.chosen_on
        if part == "train":
            return raised_if(True, "The training images were measured.")
        if part is None or chosen_on is None:
            raise Inapplicable("Which part was measured, or on which part the checkpoint was chosen, is not known.")
        how = "of a training was taken, nothing was chosen" if chosen_on == "none" else f"was chosen on {chosen_on}"
        which = "last checkpoint" if chosen_on == "none" else "checkpoint"
        return raised_if(part == chosen_on, f"Measured on {part}; the {which} {how}.")
