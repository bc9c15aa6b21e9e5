"""The network does not optimise while it answers."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from types import FrameType
from typing import Any, ClassVar

import torch

from robustdial.evaluate.check.base import Outcome, raised_if
from robustdial.evaluate.check.evidence import Evidence, Inapplicable


@dataclass(frozen=True)
class DynamicForward:
    """A forward pass must not compute gradients of its own.

    Source: Croce et al., Evaluating the Adversarial Robustness of Adaptive Test-time Defenses, ICML 2022.
    """

    id: ClassVar[str] = "dynamic-forward"
    title: ClassVar[str] = "Gradients inside the forward pass"
    meaning: ClassVar[str] = (
        "The network computes gradients while it answers, to change its input or itself. Attacks that look "
        "through one forward pass do not see this, and it costs every user a multiple."
    )
    remedy: ClassVar[str] = (
        "Evaluate the network without this step as well, and attack through all of its iterations (BPDA where "
        "they cannot be differentiated)."
    )

    def __call__(self, evidence: Evidence) -> Outcome:
        calls = _gradient_calls(evidence)
        return raised_if(calls > 0, f"Gradients asked for in one forward pass: {calls}.")


_ASKING = torch.autograd.grad.__code__, torch.autograd.backward.__code__


def _gradient_calls(evidence: Evidence) -> int:
    """How often a forward pass of two images calls autograd, in this thread."""
    if sys.getprofile() is not None:
        raise Inapplicable("A profiler is running, which has the place of what would look.")
    calls = 0

    def look(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal calls
        calls += event == "call" and frame.f_code in _ASKING

    sys.setprofile(look)
    try:
        evidence.answers(evidence.x[:2])
    finally:
        sys.setprofile(None)
    return calls
