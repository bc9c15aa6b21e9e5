"""A first part of the training without an adversary, then another schedule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from robustdial.checks import fields_fit
from robustdial.method.schedule.base import Schedule
from robustdial.typing import Json


@dataclass(frozen=True)
class Warm:
    """One pass per batch for the first `share` of the training, then what `schedule` says.

    With a solver that attacks and then learns, one pass leaves no step to the adversary: the network learns from the
    solver's starting point, which is the clean image where its noise is 0.

    Args:
        share: of the training, in [0, 1), rounded down to whole epochs, but not to none.
        schedule: what follows; it begins when the warm part is over.

    >>> from robustdial.method.schedule import Constant
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
        fields_fit(self)
        if not 0 <= self.share < 1:
            raise ValueError(f"share={self.share:g} leaves nothing of the training. Give a number from 0 to below 1.")

    @property
    def most(self) -> int:
        return self.schedule.most

    def init(self) -> Json:
        return {"warm": 0} if self.share else {"then": self.schedule.init()}

    def passes(self, state: Json) -> int:
        return self.schedule.passes(state["then"]) if "then" in state else 1

    def after(self, state: Json, epoch: Mapping[str, float]) -> Json:
        if "then" in state:
            return {"then": self.schedule.after(state["then"], epoch)}
        done = state["warm"] + 1
        one_more = epoch["progress"] * (done + 1) / done
        return {"warm": done} if one_more < self.share + 1e-9 else {"then": self.schedule.init()}
