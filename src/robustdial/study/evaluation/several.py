"""An evaluation under a union of balls: one under each ball, kept and continued by itself, and what stands in all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from robustdial.evaluate import Survivors
from robustdial.method.threat import balls_of
from robustdial.study.evaluation.evaluation import Evaluation


def parts_of(evaluation: Evaluation) -> tuple[Evaluation, ...]:
    """The evaluation under each ball of its union; under any other threat, it alone.

    Each attacks all images that are classified rightly, so that its accuracy is its own: by its key it is the same
    evaluation as one under that ball alone.
    """
    subject = evaluation.subject
    return tuple(replace(evaluation, subject=replace(subject, threat=ball)) for ball in balls_of(subject.threat))


def found_by(parts: Sequence[Evaluation]) -> list[Survivors] | None:
    """What is known of all images under each ball; None while a shard of one is at work."""
    found = [whole for part in parts if (whole := part.whole()) is not None]
    return found if len(found) == len(parts) else None
