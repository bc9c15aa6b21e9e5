"""The fast gradient sign method: one step over the whole radius."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from robustdial.attack.door import through_door
from robustdial.attack.problem import Problem, eval_mode, images
from robustdial.checks import fields_fit
from robustdial.method.objective.base import cross_entropy
from robustdial.method.threat import Threat
from robustdial.typing import Classifier


@dataclass(frozen=True)
class FGSM:
    """One steepest step over the whole radius, from the image itself. The weakest of all: to look for masked gradients.

    A network that FGSM leaves standing and PGD does not has overfitted to it. A module is attacked in evaluation mode
    and left as it was.
    Source: Goodfellow et al., Explaining and Harnessing Adversarial Examples, ICLR 2015.

    Args:
        loss: logits and labels to a loss per row.

    >>> import torch
    >>> from robustdial.method.threat import Linf
    >>> f = lambda x: torch.cat([x.sum((1, 2, 3))[:, None], torch.full((len(x), 1), 1.7)], dim=1)
    >>> FGSM()(f, torch.full((1, 1, 2, 2), 0.5), torch.tensor([0]), Linf(0.1)).unique()
    tensor([0.4000])
    """

    loss: Callable[[Tensor, Tensor], Tensor] = cross_entropy

    def __post_init__(self) -> None:
        fields_fit(self)

    @property
    def name(self) -> str:
        return "fgsm"

    @through_door
    def __call__(self, f: Classifier, x: Tensor, y: Tensor, threat: Threat) -> Tensor:
        z = threat.noise(x, 1.0, 0.0)
        with eval_mode(f):
            gradient = Problem(f, threat, self.loss, x, (y,)).look(z).gradient
        return images(threat, x, threat.project(threat.ascend(z, gradient, threat.radius), x, 1.0))
