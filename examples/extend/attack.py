"""An attack of one's own, and what it does beside PGD: the worst of many random corners of the ball.

An attack is a function: network, images, labels and threat to adversarial images. It holds no network.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

import robustdial as rd
from robustdial.method.threat import Threat
from robustdial.typing import Classifier


@dataclass(frozen=True)
class Corners:
    """`draws` random directions, each as far as the ball goes; the one with the smallest margin counts."""

    draws: int = 20

    @property
    def name(self) -> str:
        return f"corners-{self.draws}"

    @torch.no_grad()
    def __call__(self, f: Classifier, x: Tensor, y: Tensor, threat: Threat) -> Tensor:
        worst, loss = x.clone(), torch.full((len(x),), -torch.inf, device=x.device)
        for _ in range(self.draws):
            still = threat.noise(x, 1.0, 0.0)
            z = threat.project(threat.ascend(still, torch.randn_like(still), threat.radius), x, 1.0)
            adv = threat.apply(x, z).clamp(0, 1)
            now = rd.margin(f(adv), y)
            better = now > loss
            worst[better], loss[better] = adv[better], now[better]
        return worst


def main(epochs: int = 5) -> None:
    """Measure a network with it, and with PGD."""
    data = rd.load("digits")
    model = rd.build("cnn", classes=10, shape=data.shape, mean=data.mean, std=data.std, width=8)
    list(rd.fit(rd.TrainState.new(model), data, rd.clean(), epochs=epochs, batch=64))
    for attack in (Corners(), rd.PGDAttack(10)):
        _, robust = rd.measure(model.eval(), data.test, attack, rd.Linf(0.1))
        print(f"{attack.name:12} leaves {robust.value:.1%}")


if __name__ == "__main__":
    main()
