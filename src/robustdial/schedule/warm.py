"""A first part of the training without an adversary, then another schedule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from robustdial.schedule.base import Schedule
from robustdial.typing import Json


@dataclass(frozen=True)
class Warm:
    """One pass per batch for the first `share` of the training, then what `schedule` says.

    With a solver that attacks and then learns, one pass leaves no step to the adversary: the network learns from the
    solver's starting point, which is the clean image where its noise is 0.

    Args:
        share: of the training, in [0, 1).
        schedule: what follows; it begins when the warm part is over.

    >>> from robustdial.schedule import Constant
    >>> warm = Warm(0.5, Constant(8))
    >>> state, passes = warm.init(), []
    >>> for epoch in range(1, 5):
    ...     passes.append(warm.passes(state))
    ...     state = warm.after(state, {"progress": epoch / 4})
    >>> passes
    [1, 1, 8, 8]
    """

    share: float
    schedule: Schedule

    def __post_init__(self) -> None:
        if not 0 <= self.share < 1:
            raise ValueError(f"share={self.share:g} leaves nothing of the training. Give a number from 0 to below 1.")

    @property
    def most(self) -> int:
        return self.schedule.most

    def init(self) -> Json:
        return None if self.share else [self.schedule.init()]

    def passes(self, state: Json) -> int:
        return 1 if state is None else self.schedule.passes(state[0])

    def after(self, state: Json, epoch: Mapping[str, float]) -> Json:
        if state is not None:
            return [self.schedule.after(state[0], epoch)]
        return None if epoch["progress"] < self.share - 1e-9 else [self.schedule.init()]
