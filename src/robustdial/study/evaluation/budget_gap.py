"""What a shortened attack has missed, measured on a sample."""

from __future__ import annotations

from dataclasses import replace

import torch

from robustdial.attack import Attack
from robustdial.evaluate import Survivors
from robustdial.study.evaluation.evaluation import Evaluation
from robustdial.typing import Json

SAMPLE = 32
"""Images: the full attack on them takes about as long as a tenth of its iterations on a thousand."""


def sampled(evaluation: Evaluation, survivors: Survivors, full: Attack) -> Evaluation | None:
    """The full attack on up to 32 of the images that a shortened one has left standing; None if it has left none."""
    left = survivors.after(len(evaluation.stages) - 1).nonzero().flatten()
    drawn = left[torch.randperm(len(left), generator=torch.Generator().manual_seed(evaluation.seed))[:SAMPLE]]
    if not len(drawn):
        return None
    subject = evaluation.subject
    about = {**subject.about, "sample_of": evaluation.key}
    part = replace(subject, source=subject.source.subset(drawn), about=about)
    return replace(evaluation, subject=part, attack=full, shard=(0, 1))


def gap_of(survivors: Survivors, sample: Survivors, full: Attack) -> dict[str, Json]:
    """What the full attack would leave, given what it has left of the sample.

    Args:
        survivors: after the shortened attack, of all images.
        sample: after the full attack, of the sample.
        full: its name.

    Returns:
        `attack`, the size of the `sample`, how many of it were `broken`, and estimated of all images: `robust`, with
        `interval`, which holds the chance of the sample only.
    """
    kept, share = sample.accuracy(), survivors.accuracy().value
    return {
        "attack": full.name,
        "sample": kept.n,
        "broken": kept.n - kept.correct,
        "robust": share * kept.value,
        "interval": [share * bound for bound in kept.interval],
    }
