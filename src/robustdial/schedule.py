"""A schedule says how much the adversary may spend: passes (forward + backward) per batch, the learning one included.

Schedules are pure state machines. Their state is JSON and stands in the checkpoint, so a resumed run continues where
it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from robustdial.typing import Json


class Schedule(Protocol):
    """How many passes each batch of an epoch may cost."""

    def init(self) -> Json:
        """State before the first epoch."""
        ...

    def passes(self, state: Json) -> int:
        """Passes per batch in the coming epoch, at least 1."""
        ...

    def after(self, state: Json, epoch: Mapping[str, float]) -> Json:
        """State after an epoch with these statistics (means over its images, such as `loss` and `adv`)."""
        ...


@dataclass(frozen=True)
class Constant:
    """The same number of passes in every epoch.

    Args:
        number: passes per batch; PGD with k attack steps needs k + 1.

    >>> Constant(8).passes(Constant(8).init())
    8
    """

    number: int

    def __post_init__(self) -> None:
        if self.number < 1:
            raise ValueError(f"A batch needs at least 1 pass to learn from, not {self.number}.")

    def init(self) -> Json:
        return None

    def passes(self, state: Json) -> int:
        return self.number

    def after(self, state: Json, epoch: Mapping[str, float]) -> Json:
        return state
