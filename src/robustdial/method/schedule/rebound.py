"""The M+ rule with a bar that falls: one pass more when the input gradient has grown again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from robustdial.checks import fields_fit
from robustdial.method.schedule.base import a_factor, rising
from robustdial.typing import Json


@dataclass(frozen=True)
class Rebound:
    r"""Add a pass when the loss has become steeper than it was at its flattest with as many passes.

        g   = mean_i || d loss_i / d z_i ||_1                          over the epoch
        n  <- n + 1                                                    after the first epoch
        n  <- n + 1    if  g > gamma min(g since the last increment)   after each later one, up to `most`

    `Magnitude` sets its bar once, after the second epoch, and raises it. Where epochs are short, the gradient is still
    falling then from the first epochs, which had no adversary; the bar stands on that slope, and the gradient takes
    many epochs to come back to it. Here the bar follows the gradient down. A rule of this library, from that
    observation; the paper is that of `Magnitude`.

    Args:
        gamma: growth that is tolerated, about 1.
        most: largest number of passes per batch.

    >>> schedule = Rebound(gamma=1.01, most=8)
    >>> state, passes = schedule.init(), []
    >>> for gradient in (146.0, 13.8, 10.3, 10.9, 8.5, 8.4, 8.6):
    ...     passes.append(schedule.passes(state))
    ...     state = schedule.after(state, {"gradient": gradient})
    >>> passes, schedule.passes(state)
    ([1, 2, 2, 2, 3, 3, 3], 4)
    """

    gamma: float = 1.01
    most: int = 8

    def __post_init__(self) -> None:
        fields_fit(self)
        rising(1, self.most)
        a_factor(self.gamma)

    def init(self) -> Json:
        return {"epoch": 0, "passes": 1, "lowest": None}

    def passes(self, state: Json) -> int:
        return int(state["passes"])

    def after(self, state: Json, epoch: Mapping[str, float]) -> Json:
        done, passes, lowest = state["epoch"] + 1, state["passes"], state["lowest"]
        gradient = epoch.get("gradient", 0.0)  # none where nobody is attacked
        grown = done == 1 or (lowest is not None and gradient > self.gamma * lowest)
        if grown and passes < self.most:
            return {"epoch": done, "passes": passes + 1, "lowest": None}
        return {"epoch": done, "passes": passes, "lowest": gradient if lowest is None else min(lowest, gradient)}
