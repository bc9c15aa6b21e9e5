"""All checks on an evaluation, one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

import torch

from robustdial.evaluate.check.base import Check, Outcome
from robustdial.evaluate.check.batch_dependence import BatchDependence
from robustdial.evaluate.check.cascade import Cascaded
from robustdial.evaluate.check.dynamic_forward import DynamicForward
from robustdial.evaluate.check.evidence import Evidence, Inapplicable
from robustdial.evaluate.check.large_radius import LargeRadius
from robustdial.evaluate.check.normalisation import Normalisation
from robustdial.evaluate.check.permuted_labels import PermutedLabels
from robustdial.evaluate.check.pixel_range import PixelRange
from robustdial.evaluate.check.randomised import Randomised
from robustdial.evaluate.check.sample_size import SampleSize
from robustdial.evaluate.check.selection import Selection
from robustdial.evaluate.check.shorter_step import ShorterStep
from robustdial.evaluate.check.softmax_output import SoftmaxOutput
from robustdial.evaluate.check.training_mode import TrainingMode
from robustdial.evaluate.check.weaker import BLACK_BOX, NOISE, ONE_STEP, TRANSFER
from robustdial.evaluate.check.wrong_gradients import WrongGradients
from robustdial.evaluate.check.zero_gradients import ZeroGradients

CHECKS: tuple[Check, ...] = (
    PixelRange(),
    PermutedLabels(),
    Normalisation(),
    TrainingMode(),
    BatchDependence(),
    Randomised(),
    SoftmaxOutput(),
    DynamicForward(),
    ZeroGradients(),
    WrongGradients(),
    ONE_STEP,
    ShorterStep(),
    NOISE,
    BLACK_BOX,
    TRANSFER,
    LargeRadius(),
    Selection(),
    SampleSize(),
    Cascaded(),
)


class Finding(NamedTuple):
    """What a check says, as it stands in a report; `_asdict()` is JSON."""

    id: str
    title: str
    state: Literal["passed", "raised", "skipped"]
    seen: str
    meaning: str
    remedy: str


def examine(evidence: Evidence, checks: Sequence[Check] = CHECKS) -> Iterator[Finding]:
    """What each check says, in turn. All of them cost at most some 140 passes over the evidence's images.

    Raises:
        ValueError: the network's logits are not `[B, K]`, or a label has none.
        FloatingPointError: they are not finite.

    >>> import torch
    >>> from robustdial.method.threat import Linf
    >>> f = lambda x: torch.cat([x.sum((1, 2, 3))[:, None], torch.full((len(x), 1), 2.0)], dim=1).softmax(1)
    >>> x = torch.rand(64, 1, 2, 2)
    >>> findings = list(examine(Evidence(f, x, f(x).argmax(1), Linf(0.1))))
    >>> [finding.id for finding in findings if finding.state == "raised"]
    ['softmax-output']
    """
    len(evidence.logits)  # asks for them: what is wrong with the answers on the images themselves is said at once
    for check in checks:
        state, seen = _outcome(check, evidence)
        yield Finding(check.id, check.title, state, seen, check.meaning, check.remedy)


def _outcome(check: Check, evidence: Evidence) -> Outcome:
    try:
        return check(evidence)
    except Inapplicable as reason:
        return Outcome("skipped", str(reason))
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # of the network's own code, on images that it was not made for
        return Outcome(
            "skipped", f"The network failed with {type(error).__name__}: {' '.join(str(error).split())[:200]}"
        )
