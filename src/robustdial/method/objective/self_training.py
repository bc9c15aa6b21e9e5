"""Self-training: labels that a teacher guessed weigh differently from given ones, term by term."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from robustdial.checks import fields_fit, said
from robustdial.method.objective.base import Paired, View
from robustdial.method.objective.separable import Separable, first_of


@dataclass(frozen=True)
class SelfTraining:
    r"""The weighted mean of the clean term plus that of the adversarial term of another objective.

        L = sum_i w_i clean_i / sum_i w_i + sum_i v_i adv_i / sum_i v_i,
        w_i = 1 - clean_weight, v_i = 1 - adv_weight     where the label was given
        w_i = clean_weight,     v_i = adv_weight         where it was guessed

    With `Blend(beta)` this is the loss of robust self-training, (1 - beta) natural + beta robust; on a dial, lambda
    takes the place of beta. Weights of 1/2, or a batch without guessed labels, give the other objective itself.

    Source: Raghunathan et al., Understanding and Mitigating the Tradeoff between Robustness and Accuracy, ICML 2020.

    Departures from the authors' code: its TRADES variant divides the robust terms by the size of the batch twice, so
    that they all but vanish, and fails without unlabelled images; here both terms are means over the same rows.

    Args:
        objective: with a clean and an adversarial term: `Blend` or `TRADES`.
        clean_weight: of guessed labels in the clean term, in [0, 1); given labels have the rest to 1.
        adv_weight: the same in the adversarial term.
    """

    objective: Paired
    clean_weight: float = 0.9
    adv_weight: float = 0.5

    def __post_init__(self) -> None:
        fields_fit(self)
        if not hasattr(self.objective, "terms"):
            raise TypeError(
                f"objective is {said(self.objective)}, one loss and no pair of them. Give Blend() or TRADES()."
            )
        for name, weight in (("clean_weight", self.clean_weight), ("adv_weight", self.adv_weight)):
            if not 0 <= weight < 1:
                raise ValueError(
                    f"{name}={weight:g}: give the weight of guessed labels, from 0 (they are not used) to below 1."
                )

    def look(self, view: View) -> None:
        self.objective.look(view)

    def attack(self, view: View) -> Tensor:
        return self.objective.attack(view)

    def learn(self, view: View) -> Tensor:
        clean, adv = self.objective.terms(view)
        return _weights(view, self.clean_weight) * clean + _weights(view, self.adv_weight) * adv

    def first(self, view: View) -> Tensor | None:
        clean = first_of(self.objective, view)
        return None if clean is None else _weights(view, self.clean_weight) * clean

    def rest(self, view: View) -> Iterator[Tensor]:
        if not isinstance(self.objective, Separable):
            yield self.learn(view)
            return
        for adv in self.objective.rest(view):
            yield _weights(view, self.adv_weight) * adv


def _weights(view: View, weight: float) -> Tensor:
    """Weight per row `[B]`, of mean 1 over the whole batch; zero if no row has any."""
    weights, of_all = (torch.where(marks, weight, 1 - weight) for marks in (view.by_teacher, view.all_by_teacher))
    return weights / of_all.mean().clamp_min(1e-12)
