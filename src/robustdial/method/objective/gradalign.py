"""Gradient alignment: the loss is to be as steep in the same direction everywhere in the set."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from robustdial.checks import fields_fit
from robustdial.method.objective.base import Objective, View, cross_entropy, not_negative
from robustdial.method.objective.separable import first_of, rest_of


@dataclass(frozen=True)
class GradAlign:
    r"""Another objective, and weight (1 - mean_i cos(grad loss_i(x_i), grad loss_i(x_i + u_i))), u uniform in the set.

    Keeps the loss linear inside the set, so that training on one step of the adversary does not overfit to that step.
    The first gradient is taken as a constant, as in the authors' code; images whose gradient vanishes are left out of
    the mean. Needs the second derivative of the network: two forwards more, one of them differentiated twice.

    Source: Andriushchenko & Flammarion, Understanding and Improving Fast Adversarial Training, NeurIPS 2020, eq. 4.

    Args:
        objective: whose learning loss is regularised; the gradients are those of the cross-entropy.
        weight: of the regulariser; 0.2 at 8/255.
    """

    objective: Objective
    weight: float = 0.2

    def __post_init__(self) -> None:
        fields_fit(self)
        not_negative("weight", self.weight)

    def look(self, view: View) -> None:
        self.objective.look(view)

    def attack(self, view: View) -> Tensor:
        return self.objective.attack(view)

    def learn(self, view: View) -> Tensor:
        if not view.contested:
            return self.objective.learn(view)
        penalty = self._penalty(view)  # before the other forward: running statistics see the order
        return self.objective.learn(view) + penalty

    def first(self, view: View) -> Tensor | None:
        return first_of(self.objective, view)

    def rest(self, view: View) -> Iterator[Tensor]:
        if view.contested:
            penalty = self._penalty(view)  # in every process: they count their rows together
            if view.called:
                yield penalty
        yield from rest_of(self.objective, view)

    def _penalty(self, view: View) -> Tensor:
        """The regulariser `[B]`, the same for each row."""
        straight = self._gradient(view, view.zero(), differentiable=False)
        bent = self._gradient(view, view.anywhere(), differentiable=True)
        penalty = self.weight * misalignment(straight, bent, view.mean_over_processes)
        return penalty.expand(len(view.y))

    def _gradient(self, view: View, z: Tensor, differentiable: bool) -> Tensor:
        seen = view.at(z)
        assert seen.z is not None
        if not view.called:
            return seen.z.detach()
        loss = cross_entropy(seen.adv, seen.attacked_labels).sum()
        (gradient,) = torch.autograd.grad(loss, seen.z, create_graph=differentiable)
        return gradient


def cosines(a: Tensor, b: Tensor) -> Tensor:
    """cos(a_i, b_i) of the rows `[V, ...]`; 0 where one vanishes. A sure answer's are so short that their squares do.

    >>> cosines(torch.tensor([[1e-30, 0.0], [0.0, 0.0]]), torch.tensor([[1e-30, 1e-30], [0.0, 1.0]]))
    tensor([0.7071, 0.0000])
    """
    a, b = a.flatten(1), b.flatten(1)
    least = torch.finfo(a.dtype).tiny
    a, b = (rows / rows.detach().abs().amax(1, keepdim=True).clamp_min(least) for rows in (a, b))
    return F.cosine_similarity(a, b, dim=1)


def misalignment(a: Tensor, b: Tensor, counted: Callable[[Tensor], Tensor] = lambda n: n) -> Tensor:
    """1 - mean_i cos(a_i, b_i) over the rows `[V, ...]` in which neither vanishes; 0 if there is none.

    `counted` says, of their number here, by how many to divide: by the mean over all processes that have such rows, so
    that the mean of what they give is that of all rows.

    >>> misalignment(torch.tensor([[1.0, 0.0], [0.0, 0.0]]), torch.tensor([[0.0, 2.0], [1.0, 1.0]]))
    tensor(1.)
    >>> misalignment(torch.tensor([[0.0, 1e-12]]), torch.tensor([[0.0, 1e-9]]))
    tensor(0.)
    """
    a, b = a.flatten(1), b.flatten(1)
    # a row that vanishes is replaced before the quotient: its derivative would be NaN, and NaN times zero is NaN
    whole = a.detach().any(1) & b.detach().any(1)
    a, b = (torch.where(whole[:, None], rows, 1.0) for rows in (a, b))
    number = counted(whole.sum())
    mean: Tensor = ((1 - cosines(a, b)) * whole).sum() / torch.where(number > 0, number, 1)
    return mean
