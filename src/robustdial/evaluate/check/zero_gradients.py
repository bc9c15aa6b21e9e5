"""There is a gradient to climb."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from robustdial.evaluate.check.base import Outcome, raised_if
from robustdial.evaluate.check.evidence import Evidence


@dataclass(frozen=True)
class ZeroGradients:
    """The cross-entropy of an image must have a gradient.

    Source: Athalye, Carlini & Wagner, Obfuscated Gradients Give a False Sense of Security, ICML 2018.
    """

    id: ClassVar[str] = "zero-gradients"
    title: ClassVar[str] = "Vanishing gradients"
    meaning: ClassVar[str] = (
        "The loss has no gradient with respect to many images: a step of the network cuts it off, or logits "
        "are so far apart that the loss is flat in float32. Attacks that climb it stand still, whatever the "
        "network is worth."
    )
    remedy: ClassVar[str] = (
        "Attack with the margin or DLR loss if logits are large, through a smooth substitute of the step that "
        "cuts (BPDA), and without gradients (Square)."
    )

    least: float = 1e-12  # shorter ones cannot be normalised: steps in L2 vanish with them
    share: float = 0.05  # an image or two may be beyond the float32 range of a healthy network

    def __call__(self, evidence: Evidence) -> Outcome:
        gradient, trouble = evidence.loss_gradient
        if trouble is not None:
            return raised_if(True, f"There is no gradient: {trouble}.")
        length = gradient.flatten(1).norm(dim=1)
        lost = int((~torch.isfinite(length) | (length < self.least)).sum())
        seen = f"{lost} of {len(length)} gradients are zero, shorter than {self.least:g} or not finite."
        return raised_if(lost > self.share * len(length), seen)
