"""An objective of one's own: a hinge on the margin, for the weights and, turned round, for the adversary.

An objective says what each side wants: a loss per image that the weights lower, and one that the adversary raises.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

import robustdial as rd
from robustdial.attack import margin
from robustdial.method.objective import View


@dataclass(frozen=True)
class Hinge:
    """max(0, room + highest wrong logit - right logit), on the adversarial image.

    Args:
        room: logits by which the right class should be ahead.
    """

    room: float = 3.0

    def look(self, view: View) -> None:
        """Nothing needs to be seen before the adversary moves."""

    def attack(self, view: View) -> Tensor:
        return margin(view.adv, view.attacked_labels)

    def learn(self, view: View) -> Tensor:
        return (self.room + margin(view.shown, view.y)).clamp_min(0)


def main(epochs: int = 5) -> None:
    """Train with it on digits."""
    data = rd.load("digits")
    model = rd.build("cnn", classes=10, shape=data.shape, mean=data.mean, std=data.std, width=8)
    method = rd.Method(rd.Linf(0.2), rd.PGD(rd.Step(0.05)), rd.Constant(5), Hinge())
    for epoch in rd.fit(rd.TrainState.new(model, lr=0.03), data, method, epochs=epochs, batch=64):
        print(f"epoch {epoch['epoch']}: loss {epoch['loss']:.2f}")
    clean, robust = rd.measure(model.eval(), data.test, rd.PGDAttack(10), rd.Linf(0.2))
    print(f"clean {clean.value:.1%}, robust {robust.value:.1%}")


if __name__ == "__main__":
    main()
