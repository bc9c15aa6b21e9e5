"""Accuracy under several threats at once: each threat's own, and that of the images that stand under all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from robustdial.attack import Attack
from robustdial.data import Source
from robustdial.evaluate.accuracy import Accuracy
from robustdial.evaluate.measure import survivors_of
from robustdial.evaluate.survivors import UNBROKEN, Survivors
from robustdial.method.threat import Union
from robustdial.typing import Classifier


@dataclass(frozen=True)
class UnderEach:
    """Accuracies on the same images.

    Args:
        clean: on the images as they are.
        each: under each ball of the union, in its order.
        union: of the images that stand under every ball.
    """

    clean: Accuracy
    each: tuple[Accuracy, ...]
    union: Accuracy

    @property
    def average(self) -> float:
        """The mean accuracy over the balls."""
        return sum(accuracy.value for accuracy in self.each) / len(self.each)


def measure_each(f: Classifier, source: Source, attack: Attack | str, threat: Union, batch: int = 256) -> UnderEach:
    """Clean accuracy, that under each ball of a union, and that under all: all images are attacked in every ball.

    `measure` gives the clean accuracy and that of the union alone, and attacks less. Arguments and errors as there.

    >>> from robustdial.data import Resident
    >>> from robustdial.method.threat import L2, Linf
    >>> left = lambda x: torch.stack([x[..., :2].mean((1, 2, 3)), x[..., 2:].mean((1, 2, 3))], dim=1)
    >>> x = torch.stack([torch.tensor([0.5 + lead, 0.5 + lead, 0.5, 0.5]) for lead in (0.15, 0.3)])[:, None, None]
    >>> found = measure_each(left, Resident(x, torch.tensor([0, 0])), "pgd-20", Union((Linf(0.1), L2(0.1))))
    >>> [accuracy.correct for accuracy in found.each], found.union.correct, found.average
    ([1, 2], 1, 0.75)
    """
    found = [survivors_of(f, source, attack, ball, batch) for ball in threat.balls]
    return under_each(found)


def under_each(found: Sequence[Survivors]) -> UnderEach:
    """The accuracies of the same images after one attack in several balls."""
    together = in_all(found)
    return UnderEach(together.accuracy(0), tuple(one.accuracy() for one in found), together.accuracy())


def in_all(found: Sequence[Survivors]) -> Survivors:
    """One out of those of several balls: its first stage are the images as they are, and each ball is one more.

    An image is broken by the first ball under which it falls.
    """
    images = len(found[0].broken_by)
    whole = Survivors.fresh(images, 1 + len(found))
    for stage, one in reversed(list(enumerate(found, 1))):
        whole.broken_by[one.broken_by != UNBROKEN] = stage
        whole.lead.copy_(torch.minimum(whole.lead, one.lead))
        whole.seconds[0] += one.seconds[0]
        whole.seconds[stage] = one.seconds[1:].sum()
    for one in found:
        whole.broken_by[one.broken_by == 0] = 0
    whole.next.fill_(1 + len(found))
    return whole
