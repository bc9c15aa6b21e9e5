"""From few passes to many in even steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from robustdial.checks import fields_fit
from robustdial.method.schedule.base import rising
from robustdial.typing import Json


@dataclass(frozen=True)
class Linear:
    """passes(t) = least + floor((most - least) t / T) in epoch t = 0, 1, ... of T.

    Source: Ye et al., Amata: An Annealing Mechanism for Adversarial Training Acceleration, AAAI 2021. `most` itself
    would be reached only after the last epoch.

    Args:
        least, most: passes per batch at the beginning and at the end.

    >>> schedule = Linear(3, 11)
    >>> [schedule.passes(schedule.after(None, {"progress": t / 50})) for t in (0, 6, 7, 49)]
    [3, 3, 4, 10]
    """

    least: int
    most: int

    def __post_init__(self) -> None:
        fields_fit(self)
        rising(self.least, self.most)

    def init(self) -> Json:
        return 0.0

    def passes(self, state: Json) -> int:
        # the small number mends quotients such as 0.29 * 100, which are a rounding error below a whole number
        return self.least + int((self.most - self.least) * float(state) + 1e-9)

    def after(self, state: Json, epoch: Mapping[str, float]) -> Json:
        return epoch["progress"]
