"""ZeroGrad: pixels whose gradient is small do not move."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor

from robustdial.checks import fields_fit
from robustdial.method.game import Game, Point
from robustdial.method.modes import Mode
from robustdial.method.solver.base import Memory, Step, a_share, ascend


@dataclass(frozen=True)
class ZeroGrad:
    """PGD in which the `share` of an image's pixels whose gradient is smallest stays where it is.

    A step of the sign moves every pixel as far, also where the gradient is next to nothing and its sign is chance: such
    pixels are what a network learns to tell its own adversary by.

    Source: Golgooni et al., ZeroGrad: Mitigating and Explaining Catastrophic Overfitting in FGSM Adversarial Training,
    2021.

    Args:
        step: step size.
        share: of the pixels and channels of an image that do not move, q.
        noise: share of the set in which the start is drawn.
        mode: whether the attacked network runs with its running statistics (eval) or with those of the batch (train).
    """

    step: Step
    share: float = 0.35
    noise: float = 1.0
    mode: Mode = "train"

    def __post_init__(self) -> None:
        fields_fit(self)
        a_share("share", self.share)
        a_share("noise", self.noise)

    def play(self, game: Game, passes: int, memory: Memory) -> Iterator[Point]:
        threat, x, point = game.threat, game.attacked_images, game.open()
        start = game.noise(self.noise)
        size = self.step(threat.radius, passes - 1, game.step_scale) * game.reach

        def slope(z: Tensor) -> Tensor:
            return without_smallest(game.gradient(z, point), self.share)

        with game.under_attack(self.mode):
            z = ascend(threat, x, start, slope, size, passes - 1 if game.called else 0, game.reach)
        yield point.at(z, start=start)


def without_smallest(gradient: Tensor, share: float) -> Tensor:
    """The gradient with zeros where a row's absolute value is below its `share` quantile.

    >>> import torch
    >>> without_smallest(torch.tensor([[4.0, -3.0, 2.0, -1.0, 0.0]]), 0.5)
    tensor([[ 4., -3.,  2., -0.,  0.]])
    """
    size = gradient.abs().flatten(1)
    bar = size.kthvalue(1 + math.ceil(share * (size.shape[1] - 1)), dim=1, keepdim=True).values
    return gradient * (size >= bar).view_as(gradient)
