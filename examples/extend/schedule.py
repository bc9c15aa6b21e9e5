"""A schedule of one's own: cheap passes first, all of them in the last part of the training.

A schedule is a small state machine: passes of this epoch, and what the last epoch's statistics make of its state. The
state is JSON, so that a run can be continued.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import robustdial as rd
from robustdial.typing import Json


@dataclass(frozen=True)
class Finish:
    """`few` passes per batch, and `most` from the share `start` of the training on."""

    few: int = 2
    most: int = 6
    start: float = 0.5

    def init(self) -> Json:
        return 0.0

    def passes(self, state: Json) -> int:
        return self.most if state >= self.start else self.few

    def after(self, state: Json, epoch: Mapping[str, float]) -> Json:
        return epoch["progress"]


def main(epochs: int = 6) -> None:
    """Train with it on digits."""
    data = rd.load("digits")
    model = rd.build("cnn", classes=10, shape=data.shape, mean=data.mean, std=data.std, width=8)
    method = rd.Method(rd.Linf(0.2), rd.PGD(rd.Step(spread=1.5)), Finish(), rd.AT())
    for epoch in rd.fit(rd.TrainState.new(model), data, method, epochs=epochs, batch=64):
        print(f"epoch {epoch['epoch']}: {epoch['passes']} passes, loss {epoch['loss']:.2f}")


if __name__ == "__main__":
    main()
