"""AutoAttack: several strong attacks, each on the images that still stand."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from robustdial.evaluate.aim import still
from robustdial.evaluate.apgd import APGD, APGDTargeted
from robustdial.evaluate.attack import Attack
from robustdial.evaluate.fab import FAB
from robustdial.evaluate.square import Square
from robustdial.threat import Threat
from robustdial.typing import Classifier

STANDARD: tuple[Attack, ...] = (APGD(), APGDTargeted(), FAB(), Square())


@dataclass(frozen=True)
class AutoAttack:
    """APGD on the cross-entropy, targeted APGD, targeted FAB and Square in turn; the first success counts.

    Targeted APGD compares four classes; a network with fewer is attacked without it.
    A module is attacked in evaluation mode and left as it was.
    Source: Croce & Hein, Reliable Evaluation of Adversarial Robustness with an Ensemble of Diverse Parameter-Free
    Attacks, ICML 2020; the standard version.

    Args:
        attacks: in turn, cheap ones first.

    >>> from robustdial.threat import Linf
    >>> f = lambda x: torch.cat([x.sum((1, 2, 3))[:, None], torch.full((len(x), 1), 1.7)], dim=1)
    >>> attack = AutoAttack((APGD(steps=10), Square(queries=10)))
    >>> bool(f(attack(f, torch.full((1, 1, 2, 2), 0.5), torch.tensor([0]), Linf(0.1))).argmax(1) == 0)
    False
    """

    attacks: tuple[Attack, ...] = STANDARD

    @property
    def name(self) -> str:
        return "autoattack"

    def __call__(self, f: Classifier, x: Tensor, y: Tensor, threat: Threat) -> Tensor:
        adv = x.clone()
        with still(f):
            logits = _answers(f, x)
            standing = (logits.argmax(1) == y).nonzero().flatten()
            for attack in self._plan(logits.shape[1]):
                if not len(standing):
                    break
                found = attack(f, x[standing], y[standing], threat)
                fell = _answers(f, found).argmax(1) != y[standing]
                adv[standing[fell]], standing = found[fell], standing[~fell]
        return adv

    def _plan(self, classes: int) -> tuple[Attack, ...]:
        return tuple(a for a in self.attacks if classes >= 4 or not isinstance(a, APGDTargeted))


@torch.no_grad()
def _answers(f: Classifier, x: Tensor) -> Tensor:
    return f(x)
