"""The same number of passes throughout."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from robustdial.checks import fields_fit
from robustdial.method.schedule.base import at_least_one
from robustdial.typing import Json


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
        fields_fit(self)
        at_least_one(self.number)

    @property
    def most(self) -> int:
        return self.number

    def init(self) -> Json:
        return None

    def passes(self, state: Json) -> int:
        return self.number

    def after(self, state: Json, epoch: Mapping[str, float]) -> Json:
        return state
