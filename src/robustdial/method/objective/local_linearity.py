"""Local linearity: the loss between two points of the set lies on the line between theirs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from robustdial.checks import fields_fit
from robustdial.method.objective.base import Objective, View, cross_entropy, not_negative, per_row
from robustdial.method.objective.separable import first_of, rest_of


@dataclass(frozen=True)
class LocalLinearity:
    r"""Another objective, and weight (L(c) - (1 - t) L(a) - t L(b))^2, a and b uniform in the set, c = (1 - t) a + t b.

    L is the cross-entropy at x + a, t uniform in [0, 1]. What `GradAlign` asks for with a second derivative is asked
    for here with three forwards. Rows without an adversary have no such term.

    Source: Abad Rocamora et al., Efficient Local Linearity Regularization to Overcome Catastrophic Overfitting, ICLR
    2024 (ELLE).

    Departures from the authors' code: the points are drawn inside the image; each of the three is a forward of its own,
    so that in training mode the batch norms see them one by one (theirs in one batch).

    Args:
        objective: whose learning loss is regularised.
        weight: of the squared error.
    """

    objective: Objective
    weight: float = 1000.0

    def __post_init__(self) -> None:
        fields_fit(self)
        not_negative("weight", self.weight)

    def look(self, view: View) -> None:
        self.objective.look(view)

    def attack(self, view: View) -> Tensor:
        return self.objective.attack(view)

    def learn(self, view: View) -> Tensor:
        return sum(self._penalties(view), self.objective.learn(view))

    def first(self, view: View) -> Tensor | None:
        return first_of(self.objective, view)

    def rest(self, view: View) -> Iterator[Tensor]:
        yield from rest_of(self.objective, view)
        yield from self._penalties(view)

    def _penalties(self, view: View) -> Iterator[Tensor]:
        """The regulariser per row `[B]`; none where no row is attacked."""
        if not view.contested:
            return
        a, b = view.anywhere(), view.anywhere()  # in every process and part: they draw for all rows together
        t = view.drawn(lambda a: torch.rand(len(a), device=a.device, dtype=a.dtype), a)
        if view.called:
            share = t.view(-1, *[1] * (a.dim() - 1))
            at_a, at_b, between = (_loss(view, z) for z in (a, b, (1 - share) * a + share * b))
            yield self.weight * per_row((between - (1 - t) * at_a - t * at_b).square(), view)


def _loss(view: View, z: Tensor) -> Tensor:
    return cross_entropy(view.at(z).adv, view.attacked_labels)
