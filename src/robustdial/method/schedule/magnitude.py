"""The M+ rule: one pass more when the input gradient has grown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from robustdial.checks import fields_fit
from robustdial.method.schedule.base import a_factor, rising
from robustdial.typing import Json


@dataclass(frozen=True)
class Magnitude:
    r"""Add a pass when the loss has become steeper by a factor: the M+ criterion.

        g   = mean_i || d loss_i / d z_i ||_1                  over the epoch
        n  <- n + 1                                            after the first epoch
        bar <- gamma g                                         after the second
        n  <- n + 1,  bar <- gamma g    if  g > bar            after each later one, up to `most`

    The norm of the gradient bounds the local Lipschitz constant of the loss from below: when it grows, the adversary in
    use no longer holds the network flat, and is given one pass more.

    Source: Wang et al., Dynamic Efficient Adversarial Training Guided by Gradient Magnitude, 2021. Two variants of
    the rule are about. The published code is `full=1`. The published results of M+PGD and M+MART were made with
    another one: it also adds a pass, whatever g and `most` say, while the adversary's steps together
    are shorter than the radius; `full` is the smallest number of passes at which they are not (for 2/255 steps in a
    radius of 8/255, after 4 steps and the learning pass: 5).

    Departures from the authors' code: g is a mean over images, theirs a sum over batches of a gradient of batch means.
    For batches of one size the ratio of two epochs is the same; ours does not change with their size or number.

    Args:
        gamma: growth that is tolerated, about 1; 1.01 in the paper's CIFAR-10 runs.
        most: largest number of passes per batch.
        full: passes below which one is added after every epoch from the third on.

    >>> schedule = Magnitude(gamma=1.01, most=8)
    >>> state, passes = schedule.init(), []
    >>> for gradient in (9.0, 5.0, 5.0, 5.2, 5.2, 5.3):
    ...     passes.append(schedule.passes(state))
    ...     state = schedule.after(state, {"gradient": gradient})
    >>> passes, schedule.passes(state)
    ([1, 2, 2, 2, 3, 3], 4)
    """

    gamma: float = 1.01
    most: int = 8
    full: int = 1

    def __post_init__(self) -> None:
        fields_fit(self)
        rising(1, self.most)
        a_factor(self.gamma)

    def init(self) -> Json:
        return {"epoch": 0, "passes": 1, "bar": None}

    def passes(self, state: Json) -> int:
        return int(state["passes"])

    def after(self, state: Json, epoch: Mapping[str, float]) -> Json:
        done, passes, bar = state["epoch"] + 1, state["passes"], state["bar"]
        gradient = epoch.get("gradient", 0.0)  # none where nobody is attacked
        raised = self.gamma * gradient
        if done == 1:
            return {"epoch": done, "passes": min(passes + 1, self.most), "bar": None}
        if done == 2:
            return {"epoch": done, "passes": passes, "bar": raised}
        steeper = gradient > bar and passes < self.most
        if steeper or passes < self.full:
            return {"epoch": done, "passes": passes + 1, "bar": raised}
        return {"epoch": done, "passes": passes, "bar": bar}
