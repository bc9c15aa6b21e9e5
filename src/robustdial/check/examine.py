"""All checks on an evaluation, one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

import torch

from robustdial.check.base import Check, Outcome
from robustdial.check.batch_dependence import BatchDependence
from robustdial.check.black_box import BlackBox
from robustdial.check.cascade import Cascaded
from robustdial.check.dynamic_forward import DynamicForward
from robustdial.check.evidence import Evidence, Inapplicable
from robustdial.check.large_radius import LargeRadius
from robustdial.check.noise import Noise
from robustdial.check.normalisation import Normalisation
from robustdial.check.one_step import OneStep
from robustdial.check.pixel_range import PixelRange
from robustdial.check.randomised import Randomised
from robustdial.check.sample_size import SampleSize
from robustdial.check.selection import Selection
from robustdial.check.shorter_step import ShorterStep
from robustdial.check.softmax_output import SoftmaxOutput
from robustdial.check.training_mode import TrainingMode
from robustdial.check.transfer import Transfer
from robustdial.check.wrong_gradients import WrongGradients
from robustdial.check.zero_gradients import ZeroGradients

CHECKS: tuple[Check, ...] = (
    PixelRange(),
    Normalisation(),
    TrainingMode(),
    BatchDependence(),
    Randomised(),
    SoftmaxOutput(),
    DynamicForward(),
    ZeroGradients(),
    WrongGradients(),
    OneStep(),
    ShorterStep(),
    Noise(),
    BlackBox(),
    Transfer(),
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
    >>> from robustdial.threat import Linf
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
