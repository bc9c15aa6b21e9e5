"""An adversary with a class in mind."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor

from robustdial.checks import fields_fit
from robustdial.method.objective.base import Objective, View, cross_entropy, hard
from robustdial.method.objective.separable import first_of, rest_of


@dataclass(frozen=True)
class Targeted:
    """Another objective whose adversary drives each image towards a wrong class: it lowers the cross-entropy to that.

    The target follows from the label and the place in the whole batch: in a shuffled order every wrong class is as
    likely, and it stays the same while the adversary moves. Of mixed labels, the most likely class is the right one.
    Weights learn as they did.

    Source: Poursaeed et al., Robustness and Generalization via Generative Adversarial Training, ICCV 2021, the targeted
    adversary.

    Args:
        objective: what the weights learn from.
    """

    objective: Objective

    def __post_init__(self) -> None:
        fields_fit(self)

    def look(self, view: View) -> None:
        self.objective.look(view)

    def attack(self, view: View) -> Tensor:
        logits = view.adv
        return -cross_entropy(logits, targets(hard(view.attacked_labels), view.places, logits.shape[1]))

    def learn(self, view: View) -> Tensor:
        return self.objective.learn(view)

    def first(self, view: View) -> Tensor | None:
        return first_of(self.objective, view)

    def rest(self, view: View) -> Iterator[Tensor]:
        return rest_of(self.objective, view)


def targets(y: Tensor, places: Tensor, classes: int) -> Tensor:
    """A wrong class for each label `[V]`, from place to place in the whole batch, `[V]`, another.

    >>> import torch
    >>> targets(torch.tensor([0, 0, 0, 2]), torch.arange(4), classes=3)
    tensor([1, 2, 1, 1])
    """
    return (y + 1 + places % (classes - 1)) % classes
