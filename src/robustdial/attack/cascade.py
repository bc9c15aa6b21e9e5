"""Several attacks in turn, each on the images that still stand."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from robustdial.attack.apgd import APGDTargeted
from robustdial.attack.base import Attack
from robustdial.attack.door import through_door
from robustdial.attack.problem import answers, eval_mode
from robustdial.checks import fields_fit
from robustdial.method.threat import Threat
from robustdial.typing import Classifier


@dataclass(frozen=True)
class Cascade:
    """Attacks in turn; the first success counts, so that what stands after the last is the worst case over them all.

    Targeted APGD compares four classes; a network with fewer is attacked without it.
    A module is attacked in evaluation mode and left as it was.

    Args:
        attacks: in turn, cheap ones first.
        title: of the cascade in reports.

    >>> import torch
    >>> from robustdial.attack import APGD, Square
    >>> from robustdial.method.threat import Linf
    >>> f = lambda x: torch.cat([x.sum((1, 2, 3))[:, None], torch.full((len(x), 1), 1.7)], dim=1)
    >>> attack = Cascade((APGD(steps=10), Square(queries=10)), "apgd-ce+square")
    >>> bool(f(attack(f, torch.full((1, 1, 2, 2), 0.5), torch.tensor([0]), Linf(0.1))).argmax(1) == 0)
    False
    """

    attacks: tuple[Attack, ...]
    title: str

    def __post_init__(self) -> None:
        fields_fit(self)

    @property
    def name(self) -> str:
        return self.title

    def plan(self, classes: int) -> tuple[Attack, ...]:
        """The attacks that a network of so many classes can be attacked with."""
        return tuple(a for a in self.attacks if classes >= 4 or not isinstance(a, APGDTargeted))

    @through_door
    def __call__(self, f: Classifier, x: Tensor, y: Tensor, threat: Threat) -> Tensor:
        adv = x.clone()
        with eval_mode(f):
            logits = answers(f, x)
            standing = (logits.argmax(1) == y).nonzero().flatten()
            for attack in self.plan(logits.shape[1]):
                if not len(standing):
                    break
                found = attack(f, x[standing], y[standing], threat)
                fell = answers(f, found).argmax(1) != y[standing]
                adv[standing[fell]], standing = found[fell], standing[~fell]
        return adv
