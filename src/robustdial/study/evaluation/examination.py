"""What may be wrong with an evaluation's number, checked on a sample of its images."""

from __future__ import annotations

import torch

from robustdial.data import unit
from robustdial.evaluate import Survivors, confusion
from robustdial.evaluate.check import Evidence, Facts, Stage, examine
from robustdial.study.evaluation.evaluation import Evaluation
from robustdial.study.tradeoff import part_of
from robustdial.typing import Json

IMAGES = 96
"""Of each class as many as of any other; the checks cost some 150 passes over them."""

ANSWERED = 100
"""Images of each class whose answers are counted, one pass over them."""


def findings(evaluation: Evaluation, survivors: Survivors) -> list[dict[str, Json]]:
    """What each check says of a complete evaluation, as it stands in `score.json`.

    Each has `id`, `title`, `state` (raised, passed or skipped), what was `seen`, its `meaning` and the `remedy`.
    """
    subject, robust = evaluation.subject, survivors.accuracy()
    sample = part_of(subject.source, IMAGES)
    x, y = next(sample.batches([torch.arange(len(sample))]))
    facts = Facts(
        part=subject.about["part"],
        chosen_on=subject.about["chosen_on"],
        n=robust.n,
        interval=robust.interval,
        classes=subject.classes,
        stages=tuple(_stages(evaluation, survivors)),
    )
    counts = confusion(subject.f, part_of(subject.source, ANSWERED * len(subject.classes)), seed=evaluation.seed)
    evidence = Evidence(subject.f, unit(x), y, subject.threat, facts, subject.another, evaluation.seed, counts)
    return [finding._asdict() for finding in examine(evidence)]


def _stages(evaluation: Evaluation, survivors: Survivors) -> list[Stage]:
    left = [survivors.accuracy(stage).correct for stage in range(len(evaluation.stages))]
    attacks = evaluation.stages[1:]
    return [Stage(a.name, tried, stood) for a, tried, stood in zip(attacks, left[:-1], left[1:], strict=True)]
