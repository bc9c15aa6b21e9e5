"""Attacks for measuring: stateless, holding no model, `attack(f, x, y, threat)` to adversarial images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

from torch import Tensor

from robustdial.attack.best import Best
from robustdial.attack.door import through_door
from robustdial.attack.problem import Problem, eval_mode, images, nothing
from robustdial.checks import fields_fit
from robustdial.method.objective.base import cross_entropy
from robustdial.method.solver import ascend
from robustdial.method.threat import Threat
from robustdial.typing import Classifier


class Attack(Protocol):
    """Finds adversarial images."""

    @property
    def name(self) -> str:
        """As it stands in reports, such as `pgd-20`."""
        ...

    def __call__(self, f: Classifier, x: Tensor, y: Tensor, threat: Threat) -> Tensor:
        """Images in the threat's set around `x`, in [0, 1], that `f` should take for something else than `y`."""
        ...


@runtime_checkable
class ThreatSpecific(Protocol):
    """An attack that moves in some threats only."""

    @property
    def name(self) -> str:
        """As it stands in reports."""
        ...

    @property
    def where(self) -> str:
        """The threats it moves in, in words."""
        ...

    def moves_in(self, threat: Threat) -> bool:
        """Whether `threat` is one of them."""
        ...


@runtime_checkable
class GradientFree(Protocol):
    """An attack that asks the network for logits alone."""

    gradient_free: ClassVar[bool]


def without_gradients(attack: Attack) -> bool:
    """Whether an attack asks the network for logits alone."""
    return isinstance(attack, GradientFree) and attack.gradient_free


@dataclass(frozen=True)
class PGDAttack:
    """Projected gradient ascent on a loss from uniform random starts; the last iterate of a start is its answer.

    An image that has fallen is left alone by later starts, of any other the answer of the highest loss counts.
    A module is attacked in evaluation mode and left as it was.
    Source: Madry et al., Towards Deep Learning Models Resistant to Adversarial Attacks, ICLR 2018; steps of a quarter
    of the radius as in the evaluations of DAT, FAT and GradAlign.

    Args:
        steps: gradient steps.
        step: step size as a share of the radius.
        noise: share of the set in which the start is drawn.
        loss: logits and labels to a loss per row; cross-entropy, or `margin`, whose gradient does not vanish where the
            network is sure.
        restarts: random starts.
        title: of the attack in reports.

    >>> import torch
    >>> from robustdial.method.threat import Linf
    >>> f = lambda x: torch.cat([x.sum((1, 2, 3))[:, None], torch.zeros(len(x), 1)], dim=1)
    >>> x = torch.full((1, 1, 2, 2), 0.5)
    >>> PGDAttack(steps=10)(f, x, torch.tensor([0]), Linf(0.1)).unique()
    tensor([0.4000])
    """

    steps: int = 20
    step: float = 0.25
    noise: float = 1.0
    loss: Callable[[Tensor, Tensor], Tensor] = cross_entropy
    restarts: int = 1
    title: str = "pgd"

    def __post_init__(self) -> None:
        fields_fit(self)
        if self.steps < 1 or self.restarts < 1 or self.step <= 0:
            raise ValueError(
                f"steps={self.steps}, restarts={self.restarts}, step={self.step:g}: an attack needs at least one step, "
                "of positive size, and one start."
            )

    @property
    def name(self) -> str:
        return f"{self.title}-{self.steps}" + (f"x{self.restarts}" if self.restarts > 1 else "")

    @through_door
    def __call__(self, f: Classifier, x: Tensor, y: Tensor, threat: Threat) -> Tensor:
        problem = Problem(f, threat, self.loss, x, (y,))
        with eval_mode(f):
            z = self._ascended(problem) if self.restarts == 1 else self._best(problem)
        return images(threat, x, z)

    def _ascended(self, problem: Problem) -> Tensor:
        """Where one random start leads."""
        threat, start = problem.threat, problem.threat.noise(problem.x, 1.0, self.noise)
        return ascend(
            threat, problem.x, start, lambda z: problem.look(z).gradient, self.step * threat.radius, self.steps
        )

    def _best(self, problem: Problem) -> Tensor:
        """The best of several; one alone needs no look at where it ends."""
        best = Best.before(nothing(problem.threat, problem.x))
        for _ in range(self.restarts):
            standing = best.standing
            if len(standing):
                some = problem.of(standing)
                end = some.look(self._ascended(some))
                best.see(standing, end.z, end.score)
        return best.z
