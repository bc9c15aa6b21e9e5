"""The adversary of attribute-guided adversarial training: wrong, but neither far away nor another picture."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from robustdial.checks import fields_fit
from robustdial.logits import single
from robustdial.method.objective.base import Objective, View, cross_entropy, not_negative
from robustdial.method.objective.separable import first_of, rest_of

_ROOM = 1e-6  # keeps logarithms of probabilities finite


@dataclass(frozen=True)
class Guided:
    r"""Another objective, whose adversary raises

        CE(f(a), y) + BCE(p(a), p(x)) - c [MSE(s(f(a)), s(f(x))) + mean_j z_j^2 + mean_j |z_j|],    a = g(x, z)

    p is softmax, s the sigmoid; BCE and MSE are means over classes. So it looks for attributes that the network gets
    wrong near those that the image has, and that leave the answer recognisable. The answer on x is a constant.

    Source: Gokhale et al., Attribute-Guided Adversarial Training for Robustness to Natural Perturbations, AAAI 2021.

    Args:
        objective: what the weights learn.
        c: weight of what holds the adversary back.
    """

    objective: Objective
    c: float = 0.0

    def __post_init__(self) -> None:
        fields_fit(self)
        not_negative("c", self.c)

    def look(self, view: View) -> None:
        self.objective.look(view)

    def attack(self, view: View) -> Tensor:
        assert view.z is not None, "the adversary has not moved yet"
        natural, changed, z = single(view.reference), single(view.adv), view.z.flatten(1)
        apart = (changed.sigmoid() - natural.sigmoid()).square().mean(1)
        far = z.square().mean(1) + z.abs().mean(1)
        wrong = cross_entropy(changed, view.attacked_labels) + disagreement(natural, changed)
        return wrong - self.c * (apart + far)

    def learn(self, view: View) -> Tensor:
        return self.objective.learn(view)

    def first(self, view: View) -> Tensor | None:
        return first_of(self.objective, view)

    def rest(self, view: View) -> Iterator[Tensor]:
        return rest_of(self.objective, view)


def disagreement(natural: Tensor, changed: Tensor) -> Tensor:
    """Binary cross-entropy of the probabilities of `changed`, those of `natural` being right: mean over classes `[V]`.

    >>> disagreement(torch.tensor([[9.0, -9.0]]), torch.tensor([[0.0, 0.0]]))
    tensor([0.6931])
    """
    target, p = natural.softmax(1), changed.softmax(1).clamp(_ROOM, 1 - _ROOM)
    return -(target * p.log() + (1 - target) * torch.log1p(-p)).mean(1)
