"""The gradient is that of the function."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from robustdial.attack import margin
from robustdial.evaluate.check.base import Outcome, raised_if
from robustdial.evaluate.check.evidence import Evidence, Inapplicable


@dataclass(frozen=True)
class WrongGradients:
    """A small step along the gradient must change the margin by about as much as the gradient says.

    The step goes in the gradient's signs, and towards grey where the gradient is zero. A much smaller one must change
    the answers at all: a staircase with a made-up gradient stays flat.
    Source: Athalye, Carlini & Wagner, Obfuscated Gradients Give a False Sense of Security, ICML 2018.

    """

    id: ClassVar[str] = "wrong-gradients"
    title: ClassVar[str] = "The gradient is not that of the function"
    meaning: ClassVar[str] = (
        "Along the gradient the network changes by something else than the gradient says: it is cut, clipped, turned "
        "round, made up for a step that has none, or it holds at the image alone and nowhere near (seen after "
        "adversarial training with one step). Attacks follow it to the wrong place, or not at all."
    )
    remedy: ClassVar[str] = (
        "Look for detach, hooks, clamps and custom backward functions. Attack through a smooth substitute (BPDA) and "
        "without gradients (Square)."
    )

    inside: float = 0.98  # the contrast of the images here: off the ends of [0, 1], where a clamp has no gradient
    step: float = 1e-4  # across a quarter of a grey level, networks that overfitted to one step bend already
    little: float = 1e-5  # far above the resolution of float32, far below that of quantised images
    least: float = 2e-5  # of the logits' range: smaller changes of the margin drown in the rounding of float32
    factor: float = 2.0  # by which slope and change may differ
    share: float = 0.25  # of the images that can be judged: kinks and steep curves are rare
    fewest: int = 8

    def __call__(self, evidence: Evidence) -> Outcome:
        if _rounded(evidence.logits):
            raise Inapplicable("The answers are in half precision, too coarse for small steps.")
        x, y = 0.5 + self.inside * (evidence.x - 0.5), evidence.y
        here, gradient = evidence.answers(x), evidence.loss_gradient_at(x, margin).gradient
        direction = torch.where(gradient == 0, (0.5 - x).sign(), gradient.sign())
        slope = self.step * (gradient * direction).flatten(1).sum(1)
        change = margin(evidence.answers(x + self.step * direction), y) - margin(here, y)
        flat = (evidence.answers(x + self.little * direction) == here).all(1)
        small, large = torch.stack([slope.abs(), change.abs()]).aminmax(dim=0)
        agree = (slope * change > 0) & (self.factor * small >= large) & ~flat
        judged_on = large > self.least * evidence.scale
        n, wrong = int(judged_on.sum()), int((judged_on & ~agree).sum())
        if n < self.fewest:
            raise Inapplicable(f"Small steps change the answers to {n} images only, too few to compare.")
        seen = f"On {wrong} of {n} images a small step changes the margin otherwise than the gradient says."
        return raised_if(wrong > self.share * n, seen)


def _rounded(logits: Tensor) -> bool:
    """Whether all logits are numbers of a half precision, whatever type they have now."""
    return any(bool((logits.to(half).to(logits.dtype) == logits).all()) for half in (torch.bfloat16, torch.float16))
