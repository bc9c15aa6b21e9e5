"""One pass more as soon as the network is good enough against the adversary it has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from robustdial.checks import fields_fit
from robustdial.method.schedule.base import rising
from robustdial.typing import Json


@dataclass(frozen=True)
class Threshold:
    """Add a pass after every epoch in which the adversarial training accuracy was above `accuracy`.

    Source: Wang et al., Dynamic Efficient Adversarial Training Guided by Gradient Magnitude (DEAT), its practical
    variant.

    Args:
        accuracy: share of right answers on the images that the last pass of each batch learned from.
        most: largest number of passes per batch.

    >>> schedule = Threshold(accuracy=0.4, most=8)
    >>> schedule.passes(schedule.after(schedule.init(), {"adv": 0.41}))
    2
    """

    accuracy: float
    most: int

    def __post_init__(self) -> None:
        fields_fit(self)
        rising(1, self.most)
        if not 0 <= self.accuracy < 1:
            raise ValueError(f"accuracy={self.accuracy:g} is not a share that can be passed. Give one in [0, 1).")

    def init(self) -> Json:
        return 1

    def passes(self, state: Json) -> int:
        return int(state)

    def after(self, state: Json, epoch: Mapping[str, float]) -> Json:
        return min(int(state) + (epoch.get("adv", 0.0) > self.accuracy), self.most)
