"""Auto-PGD in L1: how many pixels a step moves follows from how many have been changed so far."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from robustdial.attack.climb import chosen
from robustdial.attack.multi_target import others
from robustdial.attack.problem import Iterate, Problem
from robustdial.method.threat import L1, sparse_ascent

_PHASES = (3.0, 0.3), (2.0, 0.3), (1.0, 0.4)  # times the radius, and share of the steps
_FEWER = 1.5  # a step moves so many times fewer pixels than have been changed
_SPARSER = 0.95  # share of the pixels changed before, below which the step size begins anew
_SHORTER = 1.5  # by what a step size is divided otherwise
_LEAST = 10.0  # share of the radius, as a divisor, below which it does not fall


class SparseClimb(NamedTuple):
    """Where each row stands on its way up. Per row `[B]` but for the perturbations."""

    rows: Tensor
    """Numbers of the rows in the batch that are still on their way."""
    here: Iterate
    top: Iterate
    """The highest place so far."""
    size: Tensor
    """Step size."""
    changed: Tensor
    """Pixels and channels that were changed at the last look."""

    @property
    def best(self) -> Iterate:
        """Where a row fell, or else its highest place."""
        return chosen(self.here.misclassified, self.here, self.top)

    def of(self, keep: Tensor) -> SparseClimb:
        """Some of the rows, by their numbers here."""
        here, top = (Iterate(*(part[keep] for part in place)) for place in (self.here, self.top))
        return SparseClimb(self.rows[keep], here, top, self.size[keep], self.changed[keep])


def sparse_climb(problem: Problem, z: Tensor, steps: int, image: Tensor | None = None) -> Iterator[SparseClimb]:
    """Each row from `z` upwards in L1: in balls of three and of two radii, then in the ball itself.

    What falls in the larger balls goes on; in the ball itself a row goes until it or a sibling falls.

    Source: Croce & Hein, Mind the Box: L1-APGD for Sparse Adversarial Attacks on Image Classifiers, ICML 2021; the
    constants and the larger balls are those of AutoAttack.

    Args:
        problem: what is attacked, in an `L1` ball.
        z: where each row starts.
        steps: at most so many.
        image: number of each row's image `[B]`, rows of one image being siblings; none are by default.
    """
    image = torch.arange(len(z), device=z.device) if image is None else image
    left = steps
    for times, share in _PHASES[:-1]:
        wide = replace(problem, given=_ball(problem).of_radius(times * problem.threat.radius))
        number = min(math.ceil(share * steps), left)
        left -= number
        at = _start(wide, z)
        for k in range(number):
            at = _looked(_stepped(at, wide), wide, number, k)
        z = at.top.z
    at = _start(problem, z)
    yield at
    for k in range(left):
        if at.here.misclassified.any():
            standing = others(image[at.rows], at.here.misclassified)
            if not len(standing):
                return
            problem, at = problem.of(standing), at.of(standing)
        at = _stepped(at, problem)
        yield at
        at = _looked(at, problem, left, k)


def _start(problem: Problem, z: Tensor) -> SparseClimb:
    z = problem.threat.project(z, problem.x, 1.0)
    here = problem.look(z)
    size = torch.full_like(here.loss, problem.threat.radius, dtype=z.dtype)
    return SparseClimb(torch.arange(len(z), device=z.device), here, here, size, _changed(z))


def _stepped(at: SparseClimb, problem: Problem) -> SparseClimb:
    z = at.here.z
    share = at.changed / z[0].numel() / _FEWER
    ahead = sparse_ascent(z, at.here.gradient, at.size, share)
    here = problem.look(problem.threat.project(ahead, problem.x, 1.0))
    return at._replace(here=here, top=chosen(here.loss > at.top.loss, here, at.top))


def _looked(at: SparseClimb, problem: Problem, steps: int, k: int) -> SparseClimb:
    """Every few steps: where the top has become sparser, on from there at full size; elsewhere a shorter one."""
    if (k + 1) % max(int(0.04 * steps), 1) or not len(at.rows):
        return at
    changed = _changed(at.top.z)
    sparser = changed / at.changed < _SPARSER
    radius = problem.threat.radius
    size = torch.where(sparser, radius, (at.size / _SHORTER).clamp_min(radius / _LEAST))
    return at._replace(here=chosen(sparser, at.top, at.here), size=size, changed=changed)


def _changed(z: Tensor) -> Tensor:
    return (z != 0).flatten(1).sum(1).to(z.dtype)


def _ball(problem: Problem) -> L1:
    assert isinstance(problem.given, L1)
    return problem.given
