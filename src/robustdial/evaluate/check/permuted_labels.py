"""The labels number the classes as the network does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from robustdial.evaluate.check.base import Outcome, raised_if
from robustdial.evaluate.check.evidence import Evidence, Inapplicable

_SHOWN = 4  # exchanges in a report
_FEWEST = 3  # images of a class in each half, on average


@dataclass(frozen=True)
class PermutedLabels:
    """Accuracy may not rise sharply when the classes are numbered otherwise.

    The order in which most answers are right pairs classes and answers (`scipy.optimize.linear_sum_assignment`). The
    order found on one half of the images is tried on the other, so that it is not luck. A class counts as moved only
    where the class whose place it takes has moved as well: a network that answers one class for another, or one class
    for all, is weak, but its classes are where they should be.
    """

    id: ClassVar[str] = "permuted-labels"
    title: ClassVar[str] = "Labels in another order"
    meaning: ClassVar[str] = (
        "The network is much better if its classes stand in another order: the labels of these images number them "
        "otherwise than those that it was trained with. What was measured says nothing of the network."
    )
    remedy: ClassVar[str] = (
        "Give the class names in the order of the network's logits (--classes), or exchange those that were mixed up."
    )

    gain: float = 0.25  # more of the moved classes' images
    learned: float = 0.2  # of the way from chance to all right: below, the answers say too little of the classes
    agreed: float = 0.4  # of that way, on the moved classes: below, they may be weak classes that are confused
    luck: float = 1e-3  # that the two orders would be as unequal if either were as good

    def __call__(self, evidence: Evidence) -> Outcome:
        counts = evidence.confusion
        whole, labels = counts.sum(0), counts.sum((0, 2)) > 0
        if int(whole.sum()) < 2 * _FEWEST * int(labels.sum()):
            raise Inapplicable("There are too few images of each class to tell another order from luck.")
        order, there = _moved(whole), torch.arange(len(whole))
        kept, moved, changed = whole[there, there], whole[there, order], order != there
        tried = sum(half[there, _best(other)] for half, other in zip(counts, counts.flip(0), strict=True))
        n, before, after = (int(each[changed].sum()) for each in (whole, kept, torch.as_tensor(tried)))
        as_given, total = (float(right.sum() / whole.sum()) for right in (kept, moved))
        trouble = (
            after - before > self.gain * n
            and _above_chance(total, whole) > self.learned
            and _above_chance(after / max(n, 1), whole) > self.agreed
            and _as_unequal(after, after + before) < self.luck
        )
        if not trouble:
            return raised_if(False, f"Accuracy is {as_given:.0%}; no other order of the classes is sharply better.")
        return raised_if(
            True, f"Accuracy is {as_given:.0%}, and {total:.0%} if {_told(order, evidence.facts.classes)}."
        )


def _moved(whole: Tensor) -> Tensor:
    """The answer that stands for each class, `[K]`: its own unless it has moved."""
    there, order = torch.arange(len(whole)), _best(whole)
    order = torch.where(whole[there, order] > whole[there, there], order, there)
    seen = whole.sum(1) > 0
    while True:
        stays = (order == there) & seen
        shut = stays[order] & ~stays  # its place is taken by a class that has not moved
        if not shut.any():
            return order
        order = torch.where(shut, there, order)


def _best(counts: Tensor) -> Tensor:
    """The pairing of classes with answers in which most are right, `[K]`; of those, one that moves fewest."""
    from scipy.optimize import linear_sum_assignment

    weights = counts * (len(counts) + 1) + torch.eye(len(counts), dtype=counts.dtype)
    _, columns = linear_sum_assignment(weights.numpy(), maximize=True)
    return torch.from_numpy(columns)


def _above_chance(accuracy: float, whole: Tensor) -> float:
    """How far an accuracy is on the way from chance to all right."""
    chance = 1 / len(whole)
    return (accuracy - chance) / (1 - chance)


def _as_unequal(successes: int, n: int) -> float:
    """The probability of at least so many heads among n tosses of a fair coin."""
    from scipy.special import bdtrc

    return float(bdtrc(successes - 1, n, 0.5)) if successes else 1.0


def _told(order: Tensor, names: tuple[str, ...]) -> str:
    """Which labels stand for which classes, in words; of many, the first."""
    name = dict(enumerate(names))
    moves = [(k, to) for k, to in enumerate(order.tolist()) if k != to]
    swapped = [(k, to) for k, to in moves if int(order[to]) == k]
    if len(swapped) == len(moves):
        told = [f"{name.get(k, k)} and {name.get(to, to)} are exchanged" for k, to in swapped if k < to]
    else:
        told = [f"{name.get(k, k)} is taken for {name.get(to, to)}" for k, to in moves]
    more = f" and {len(told) - _SHOWN} more" if len(told) > _SHOWN else ""
    return ", ".join(told[:_SHOWN]) + more
