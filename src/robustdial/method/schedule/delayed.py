"""One pass more every few epochs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from robustdial.checks import fields_fit
from robustdial.method.schedule.base import rising
from robustdial.typing import Json


@dataclass(frozen=True)
class Delayed:
    """Add a pass every `every` epochs: passes(t) = min(1 + t // every, most) in epoch t = 0, 1, ...

    Source: Wang et al., Dynamic Efficient Adversarial Training Guided by Gradient Magnitude (DEAT), its fixed variant.

    Args:
        every: epochs between two increments.
        most: largest number of passes per batch.

    >>> schedule, state, passes = Delayed(every=3, most=3), 0, []
    >>> for _ in range(8):
    ...     passes.append(schedule.passes(state))
    ...     state = schedule.after(state, {})
    >>> passes
    [1, 1, 1, 2, 2, 2, 3, 3]
    """

    every: int
    most: int

    def __post_init__(self) -> None:
        fields_fit(self)
        rising(1, self.most)
        if self.every < 1:
            raise ValueError(f"every={self.every}: passes cannot grow more often than once an epoch. Give at least 1.")

    def init(self) -> Json:
        return 0

    def passes(self, state: Json) -> int:
        return min(1 + int(state) // self.every, self.most)

    def after(self, state: Json, epoch: Mapping[str, float]) -> Json:
        return int(state) + 1
