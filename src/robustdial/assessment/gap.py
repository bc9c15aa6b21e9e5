"""What a shortened attack has missed, measured on a sample."""

from __future__ import annotations

import torch

from robustdial.assessment.evaluation import Evaluation
from robustdial.attack import Attack
from robustdial.evaluate import Accuracy, Standing, measure
from robustdial.precision import full_precision
from robustdial.randomness import seeded
from robustdial.typing import Json

SAMPLE = 64


def gap_of(evaluation: Evaluation, standing: Standing, full: Attack) -> dict[str, Json]:
    """How many of up to 64 images that stand after a shortened attack fall to the full one.

    Returns:
        `attack`, `sample`, `broken`, and what the full attack would leave standing of all images: `robust`, with
        `interval`, the 95 % interval of the sample's share only. None for the last two where no image stands.
    """
    subject, left = evaluation.subject, standing.after(len(evaluation.course) - 1).nonzero().flatten()
    drawn = left[torch.randperm(len(left), generator=torch.Generator().manual_seed(evaluation.seed))[:SAMPLE]]
    found: dict[str, Json] = {"attack": full.name, "sample": len(drawn), "broken": 0, "robust": None, "interval": None}
    if not len(drawn):
        return found
    with full_precision(), seeded(evaluation.seed):
        kept = measure(subject.f, subject.source.subset(drawn), full, subject.threat, evaluation.batch).robust
    share = Accuracy(len(left), len(standing.fell)).value
    bounds = [share * bound for bound in kept.interval]
    return found | {"broken": kept.n - kept.correct, "robust": share * kept.value, "interval": bounds}
