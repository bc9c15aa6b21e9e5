"""Attacks for measuring: stateless, holding no model, `attack(f, x, y, threat)` to adversarial images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from robustdial.attack.aim import Aim, images, still
from robustdial.objective.base import cross_entropy
from robustdial.solver import ascend
from robustdial.threat import Threat
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


@dataclass(frozen=True)
class PGDAttack:
    """Projected gradient ascent on a loss from a uniform random start; the last iterate is the answer.

    A module is attacked in evaluation mode and left as it was.
    Source: Madry et al., Towards Deep Learning Models Resistant to Adversarial Attacks, ICLR 2018; steps of a quarter
    of the radius as in the evaluations of DAT, FAT and GradAlign.

    Args:
        steps: gradient steps.
        step: step size as a share of the radius.
        noise: share of the set in which the start is drawn.
        loss: logits and labels to a loss per row; cross-entropy, or `margin`, whose gradient does not vanish where the
            network is sure.
        title: of the attack in reports.

    >>> import torch
    >>> from robustdial.threat import Linf
    >>> f = lambda x: torch.cat([x.sum((1, 2, 3))[:, None], torch.zeros(len(x), 1)], dim=1)
    >>> x = torch.full((1, 1, 2, 2), 0.5)
    >>> PGDAttack(steps=10)(f, x, torch.tensor([0]), Linf(0.1)).unique()
    tensor([0.4000])
    """

    steps: int = 20
    step: float = 0.25
    noise: float = 1.0
    loss: Callable[[Tensor, Tensor], Tensor] = cross_entropy
    title: str = "pgd"

    def __post_init__(self) -> None:
        if self.steps < 1 or self.step <= 0:
            raise ValueError(
                f"steps={self.steps}, step={self.step:g}: an attack needs at least one step, of positive size."
            )

    @property
    def name(self) -> str:
        return f"{self.title}-{self.steps}"

    def __call__(self, f: Classifier, x: Tensor, y: Tensor, threat: Threat) -> Tensor:
        aim, z = Aim(f, threat, self.loss, x, (y,)), threat.noise(x, 1.0, self.noise)
        with still(f):
            z = ascend(threat, x, z, lambda z: aim.look(z).gradient, self.step * threat.radius, self.steps)
        return images(threat, x, z)
