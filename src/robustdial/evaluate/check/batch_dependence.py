"""The answer for an image is its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from robustdial.evaluate.check.base import Outcome, raised_if
from robustdial.evaluate.check.evidence import RANDOM, Evidence, Inapplicable


@dataclass(frozen=True)
class BatchDependence:
    """The logits of an image may not depend on the images beside it."""

    id: ClassVar[str] = "batch-dependence"
    title: ClassVar[str] = "Answers depend on the batch"
    meaning: ClassVar[str] = (
        "The network answers differently to an image when other images stand beside it, as with batch norm on "
        "the statistics of the batch. An attack on a batch is then no attack on its images."
    )
    remedy: ClassVar[str] = "Use running statistics in evaluation mode (track_running_stats=True, model.eval())."

    tolerance: float = 1e-2  # bfloat16 sums up other batch sizes in another order, and errs by some 1e-3

    def __call__(self, evidence: Evidence) -> Outcome:
        half = len(evidence.x) // 2
        if not half:
            raise Inapplicable("One image has no others beside it.")
        if evidence.output_variation > RANDOM:
            raise Inapplicable("The answers are random, whatever stands beside an image.")
        apart = torch.cat([evidence.answers(part) for part in (evidence.x[:half], evidence.x[half:])])
        change = float((apart - evidence.logits).abs().amax(1).mean()) / evidence.scale
        seen = f"In batches of half the size, logits change by {change:.2g} of their range on average."
        return raised_if(change > self.tolerance, seen)
