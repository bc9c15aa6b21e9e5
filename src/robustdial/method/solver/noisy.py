"""Noisy: a step from noise beyond the set, and no way back into it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from robustdial.checks import fields_fit
from robustdial.method.game import Game, Point
from robustdial.method.modes import Mode
from robustdial.method.solver.base import Memory, Step, ascend


@dataclass(frozen=True)
class Noisy:
    """`passes - 1` steps of ascent from noise `noise` times as large as the set; only the image's [0, 1] limits it.

    The noise is an augmentation: the network learns from it also where the step leads nowhere. A perturbation is up to
    the noise and the way of its steps long, so that training sees more than the threat; it is measured in the threat.
    With one pass there is no adversary, and no noise either.

    Source: de Jorge et al., Make Some Noise: Reliable and Efficient Single-Step Adversarial Training, NeurIPS 2022.

    Args:
        step: step size.
        noise: size of the noise as a share of the set, k; it may be more than 1.
        mode: whether the attacked network runs with its running statistics (eval) or with those of the batch (train).
    """

    step: Step
    noise: float = 2.0
    mode: Mode = "train"

    def __post_init__(self) -> None:
        fields_fit(self)
        if self.noise < 0:
            raise ValueError(f"noise={self.noise:g}: give the size of the noise in radii, 0 or more; 2 is customary.")

    def play(self, game: Game, passes: int, memory: Memory) -> Iterator[Point]:
        threat, x, point = game.threat, game.attacked_images, game.open()
        size = self.step(threat.radius, passes - 1, game.step_scale)
        # what noise and steps can reach together; a radius of 0 leaves nothing to reach
        room = (self.noise + (passes - 1) * size / max(threat.radius, 1e-12)) * game.reach
        start = game.noise(1.0 if passes > 1 else 0.0, self.noise)
        with game.under_attack(self.mode):
            gradient = partial(game.gradient, point=point)
            z = ascend(threat, x, start, gradient, size * game.reach, passes - 1 if game.called else 0, room)
        yield point.at(z, start=start)
