"""Sparse PGD: which pixels change, and how, are climbed together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from robustdial.attack.best import Best
from robustdial.attack.door import through_door
from robustdial.attack.problem import Problem, eval_mode, images, nothing
from robustdial.checks import fields_fit
from robustdial.method.objective.base import cross_entropy
from robustdial.method.threat import L0, Threat, foremost
from robustdial.method.threat.base import within_image
from robustdial.typing import Classifier

STEPS = 10_000
"""Of the published evaluation in L0: gradient steps, and queries."""


@dataclass(frozen=True)
class SparsePGD:
    """Projected gradient ascent in L0 on the cross-entropy: of a change of all pixels, and of a height for each.

    The pixels that stand highest are shown with their change. The changes climb by signs of the gradient, the heights
    by its direction; heights whose foremost pixels stay the same are drawn anew. An image that has fallen is left
    alone, of any other the change of the highest loss counts.
    A module is attacked in evaluation mode and left as it was.
    Source: Zhong, Huang & Liu, Towards Efficient Training and Evaluation of Robust Models against l0 Bounded
    Adversarial Perturbations, ICML 2024; constants as in their code.

    Departures from their code: each image's steps without a change are counted by themselves (theirs are set back
    together).

    Args:
        steps: gradient steps.
        gradient: whether the changes of all pixels climb (`unprojected`), or those of the shown ones (`projected`).
        step: step size of the changes, as a share of a pixel's range.
        climb: step size of the heights, for each number that an image has, as a root mean square.
        patience: steps after which heights that show the same pixels are drawn anew.

    Raises:
        TypeError: the threat is not `L0`.

    >>> f = lambda x: torch.cat([x.sum((1, 2, 3))[:, None], torch.full((len(x), 1), 1.2)], dim=1)
    >>> x = torch.full((1, 1, 2, 2), 0.5)
    >>> torch.manual_seed(0) and SparsePGD(20)(f, x, torch.tensor([0]), L0(2)).sum()
    tensor(1.)
    """

    steps: int = STEPS
    gradient: Literal["unprojected", "projected"] = "unprojected"
    step: float = 0.25
    climb: float = 0.25
    patience: int = 3

    def __post_init__(self) -> None:
        fields_fit(self)
        if self.steps < 1 or self.patience < 1 or self.step <= 0 or self.climb <= 0:
            raise ValueError(
                f"steps={self.steps}, patience={self.patience}, step={self.step:g}, climb={self.climb:g}: an attack "
                "needs at least one step, of positive size, and at least one before it begins anew."
            )

    @property
    def name(self) -> str:
        return ("spgd" if self.gradient == "unprojected" else "spgd-p") + counted(self.steps)

    @property
    def where(self) -> str:
        return "L0"

    def moves_in(self, threat: Threat) -> bool:
        return isinstance(threat, L0)

    @through_door
    def __call__(self, f: Classifier, x: Tensor, y: Tensor, threat: Threat) -> Tensor:
        problem = Problem(f, sparse(threat, "Sparse PGD"), cross_entropy, x, (y,))
        with eval_mode(f):
            best = self._searched(problem)
        return images(threat, x, best.z)

    def _searched(self, problem: Problem) -> Best:
        none, pixels = nothing(problem.threat, problem.x), problem.threat.radius
        best = Best.before(none)
        best.see(torch.arange(len(none), device=none.device), none, problem.look(none).score)
        rows = best.standing
        some = problem.of(rows)
        at = _drawn(some.x)
        for _ in range(self.steps):
            standing = best.standing
            if not len(standing):
                break
            if len(standing) < len(rows):
                at, rows, some = at.of(torch.isin(rows, standing)), standing, problem.of(standing)
            seen = some.look(at.change * foremost(at.height, pixels))
            best.see(rows, seen.z, seen.score)
            at = self._moved(at, seen.gradient, some.x, pixels)
        return best

    def _moved(self, at: _Place, slope: Tensor, x: Tensor, pixels: float) -> _Place:
        """One step of changes and heights along the gradient at what is shown; anew where they have stood too long."""
        shown, level = foremost(at.height, pixels), at.height.sigmoid()
        moving = slope if self.gradient == "unprojected" else slope * shown
        change = within_image(at.change + self.step * moving.sign(), x)
        rise = (slope * at.change).sum(1, keepdim=True) * level * (1 - level)
        length = torch.linalg.vector_norm(rise.flatten(1), dim=1).clamp_min(torch.finfo(rise.dtype).tiny)
        height = at.height + self.climb * slope[0].numel() ** 0.5 * rise / length[:, None, None, None]
        still = (at.still + 1).masked_fill((foremost(height, pixels) != shown).flatten(1).any(1), 0)
        anew = still >= self.patience
        height = torch.where(anew[:, None, None, None], torch.randn_like(height), height)
        return _Place(change, height, still.masked_fill(anew, 0))


class _Place(NamedTuple):
    """Where an ascent is: of each image a change of all pixels, their heights, and for how long the same were shown."""

    change: Tensor
    height: Tensor
    still: Tensor

    def of(self, keep: Tensor) -> _Place:
        return _Place(*(part[keep] for part in self))


def _drawn(x: Tensor) -> _Place:
    """Changes and heights to begin with."""
    change = within_image(torch.rand_like(x) * 2 - 1, x)
    return _Place(change, torch.randn_like(x[:, :1]), torch.zeros(len(x), dtype=torch.int64, device=x.device))


def sparse(threat: Threat, who: str) -> L0:
    """The threat, if it is L0. Raises TypeError for any other."""
    if not isinstance(threat, L0):
        raise TypeError(f"{who} moves in L0, not in {threat.name}.")
    return threat


def counted(steps: int) -> str:
    """What a name says of a number of steps or queries: nothing of the published one."""
    return "" if steps == STEPS else f"-{steps}"
