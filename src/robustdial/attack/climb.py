"""The ascent of Auto-PGD: momentum, and a step size that halves by itself where it no longer helps.

Source: Croce & Hein, Reliable Evaluation of Adversarial Robustness with an Ensemble of Diverse Parameter-Free Attacks,
ICML 2020, algorithm 1.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from robustdial.attack.multi_target import others
from robustdial.attack.problem import Iterate, Problem

_CHECKPOINTS = 22, 41, 57, 70, 80, 87, 93, 99  # percent of the steps: gaps of 22, 19, ... down to 6
_MOMENTUM = 0.25  # share of the last movement in the next one
_OFTEN = 0.75  # a step size that raised the loss in a larger share of its steps is kept


class Climb(NamedTuple):
    """Where each row stands on its way up. Per row `[B]` but for the perturbations."""

    rows: Tensor
    """Numbers of the rows in the batch that are still on their way."""
    here: Iterate
    top: Iterate
    """The highest place so far."""
    before: Tensor
    """The perturbation before the last step."""
    size: Tensor
    """Step size."""
    rises: Tensor
    """Steps since the last checkpoint that raised the loss."""
    last: Tensor
    """The loss that the next one is compared with."""
    mark: Tensor
    """The highest loss at the last checkpoint."""
    halved: Tensor
    """Whether the step size was halved there."""

    @property
    def best(self) -> Iterate:
        """Where a row fell, or else its highest place."""
        return chosen(self.here.misclassified, self.here, self.top)

    def of(self, keep: Tensor) -> Climb:
        """Some of the rows, by their numbers here."""
        here, top = (Iterate(*(part[keep] for part in place)) for place in (self.here, self.top))
        return Climb(self.rows[keep], here, top, *(part[keep] for part in self[3:]))


def climb(problem: Problem, z: Tensor, steps: int, image: Tensor | None = None) -> Iterator[Climb]:
    """Each row from `z` upwards: the start, then where it stands after each step, until it or a sibling falls.

    Args:
        problem: what is attacked.
        z: where each row starts.
        steps: at most so many.
        image: number of each row's image `[B]`, rows of one image being siblings; none are by default.
    """
    windows, at = checkpoints(steps), _start(problem, z)
    image = at.rows if image is None else image
    yield at
    for k in range(steps):
        if at.here.misclassified.any():
            standing = others(image[at.rows], at.here.misclassified)
            if not len(standing):
                return
            problem, at = problem.of(standing), at.of(standing)
        if k in windows:
            at = _checked(at, windows[k])
        at = _stepped(at, problem, _MOMENTUM if k else 0.0)
        yield at


def checkpoints(steps: int) -> dict[int, int]:
    """After which steps the step size is examined, and how many steps have been taken since the last time.

    >>> checkpoints(100)
    {22: 22, 41: 19, 57: 16, 70: 13, 80: 10, 87: 7, 93: 6, 99: 6}
    """
    ends = (0, *(-(-share * steps // 100) for share in _CHECKPOINTS))  # rounded up, in whole numbers
    return {end: end - start for start, end in pairwise(ends) if end > start}


def _start(problem: Problem, z: Tensor) -> Climb:
    here = problem.look(z)
    nothing, yes = torch.zeros_like(here.loss), torch.ones_like(here.misclassified)
    size = torch.full_like(here.loss, 2 * problem.threat.radius, dtype=z.dtype)
    rows = torch.arange(len(z), device=z.device)
    # `last` is zero, not the loss of the start: so the authors' code counts, and its step sizes follow from that
    return Climb(rows, here, here, here.z, size, nothing, last=nothing, mark=here.loss, halved=yes)


def _stepped(at: Climb, problem: Problem, momentum: float) -> Climb:
    threat, z = problem.threat, at.here.z
    ahead = threat.project(threat.ascend(z, at.here.gradient, at.size), problem.x, 1.0)
    movement = (1 - momentum) * (ahead - z) + momentum * (z - at.before)
    here = problem.look(threat.project(z + movement, problem.x, 1.0))
    return at._replace(
        here=here,
        top=chosen(here.loss > at.top.loss, here, at.top),
        before=z,
        rises=at.rises + (here.loss > at.last),
        last=here.loss,
    )


def _checked(at: Climb, window: int) -> Climb:
    """Halve the step size of rows that rose too rarely, or got stuck at a size, and put them back to their top."""
    rarely = at.rises <= _OFTEN * window
    stuck = ~at.halved & (at.top.loss <= at.mark)
    halve = rarely | stuck
    return at._replace(
        here=chosen(halve, at.top, at.here),
        size=torch.where(halve, at.size / 2, at.size),
        rises=torch.zeros_like(at.rises),
        mark=at.top.loss,
        halved=halve,
    )


def chosen(rows: Tensor, these: Iterate, those: Iterate) -> Iterate:
    """`these` at `rows`, bool `[B]`, `those` at the others."""

    def pick(a: Tensor, b: Tensor) -> Tensor:
        return torch.where(rows.reshape(-1, *[1] * (a.dim() - 1)), a, b)

    return Iterate(*(pick(a, b) for a, b in zip(these, those, strict=True)))
