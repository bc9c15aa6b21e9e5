"""A solver of one's own: the ascent of PGD with momentum (Dong et al., CVPR 2018).

A solver is a generator of points to learn from, each from a `game.open()` of its own. Where it yields, the weights
learn.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch

import robustdial as rd
from robustdial.method.game import Game, Point
from robustdial.method.solver import Memory


@dataclass(frozen=True)
class Momentum:
    """g <- decay g + grad / mean |grad|,  z <- project(z + size * direction of g); then one point to learn from.

    Args:
        step: step size.
        decay: of the gradients before.
    """

    step: rd.Step
    decay: float = 1.0

    def play(self, game: Game, passes: int, memory: Memory) -> Iterator[Point]:
        threat, size = game.threat, self.step(game.threat.radius, passes - 1, game.step_scale) * game.reach
        point, z = game.open(), game.threat.noise(game.attacked_images, game.reach, 1.0)
        g = torch.zeros_like(z)
        with game.under_attack("eval"):
            for _ in range(passes - 1 if len(z) else 0):
                gradient = game.gradient(z, point)
                g = self.decay * g + gradient / gradient.abs().mean((1, 2, 3), keepdim=True).clamp_min(1e-12)
                z = threat.project(threat.ascend(z, g, size), game.attacked_images, game.reach)
        yield point.at(z)


def mi_at(eps: float = 8 / 255, steps: int = 5, decay: float = 1.0) -> rd.Method:
    """Adversarial training whose adversary has momentum.

    Args:
        eps: radius of the threat, in pixels of [0, 1].
        steps: of the adversary.
        decay: of its momentum.
    """
    return rd.Method(rd.Linf(eps), Momentum(rd.Step(spread=1.5), decay), rd.Constant(steps + 1), rd.AT())


def main(epochs: int = 5) -> None:
    """Train with it on digits."""
    data = rd.load("digits")
    model = rd.build("cnn", classes=10, shape=data.shape, mean=data.mean, std=data.std, width=8)
    for epoch in rd.fit(rd.TrainState.new(model), data, mi_at(eps=0.2), epochs=epochs, batch=64):
        print(f"epoch {epoch['epoch']}: loss {epoch['loss']:.2f}")
    clean, robust = rd.measure(model.eval(), data.test, rd.PGDAttack(10), rd.Linf(0.2))
    print(f"clean {clean.value:.1%}, robust {robust.value:.1%}")


if __name__ == "__main__":
    main()
