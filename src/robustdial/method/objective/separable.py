"""Objectives that are a sum of terms, each of which the weights learn from as soon as it is known."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

from torch import Tensor

from robustdial.method.objective.base import Objective, View


@runtime_checkable
class Separable(Objective, Protocol):
    """An objective whose loss is a sum of terms that share no forward through which the weights learn.

    What was kept for the backward of one term is let go before the next is computed: a batch needs the memory of its
    largest term, not that of the sum. `learn` is the sum of all terms: whoever changes it changes the terms.
    """

    def first(self, view: View) -> Tensor | None:
        """The term `[B]` that is known before the adversary moves, or None. It looks as `look` does."""
        ...

    def rest(self, view: View) -> Iterator[Tensor]:
        """The other terms `[B]`, one after the other, where the adversary has arrived."""
        ...


def first_of(objective: Objective, view: View) -> Tensor | None:
    """`look`, and the term `[B]` of the loss that is known by then, if there is one."""
    if isinstance(objective, Separable):
        return objective.first(view)
    objective.look(view)
    return None


def rest_of(objective: Objective, view: View) -> Iterator[Tensor]:
    """The terms `[B]` of the loss that `first_of` did not give."""
    if isinstance(objective, Separable):
        yield from objective.rest(view)
    else:
        yield objective.learn(view)
