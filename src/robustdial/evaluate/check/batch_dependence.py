"""The answer for an image is its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

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

    alone: int = 4
    tolerance: float = 1e-2  # bfloat16 sums up other batch sizes in another order, and errs by some 1e-3

    def __call__(self, evidence: Evidence) -> Outcome:
        half = len(evidence.x) // 2
        if not half:
            raise Inapplicable("One image has no others beside it.")
        if evidence.output_variation > RANDOM:
            raise Inapplicable("The answers are random, whatever stands beside an image.")
        halves = self._change(evidence, (evidence.x[:half], evidence.x[half:]))
        # the statistics of two large batches are much alike; an image alone has its own
        alone = self._change(evidence, torch.split(evidence.x[: self.alone], 1))
        seen = (
            f"In batches of half the size, logits change by {halves:.2g} of their range on average, of one image by "
            f"{alone:.2g}."
        )
        return raised_if(max(halves, alone) > self.tolerance, seen)

    @staticmethod
    def _change(evidence: Evidence, parts: Sequence[Tensor]) -> float:
        """How far logits of the first images move, on average, where these are asked for in parts."""
        apart = torch.cat([evidence.answers(part) for part in parts])
        return float((apart - evidence.logits[: len(apart)]).abs().amax(1).mean()) / evidence.scale
