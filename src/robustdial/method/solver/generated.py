"""Generated: each image's adversary is found now and then, and shown again until then."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from robustdial.checks import fields_fit
from robustdial.method.game import Game, Point
from robustdial.method.modes import Mode
from robustdial.method.solver.base import Memory, Step, a_share, ascend, origin_of


@dataclass(frozen=True)
class Generated:
    """Ascent from a random start at every `every`-th visit of an image; in between the image is shown as it was found.

    At the visits at which it is due, an image is generated with probability `share`; if not, it is shown at random
    until it is due again, another way each time. With `share=0`, or without steps and `every=1`, all of it is random
    augmentation. What was found is kept in single precision, D numbers for each training image, and is applied to the
    image as the augmentation shows it that time. In a checkpoint it is as large.

    Source: Gokhale et al., Attribute-Guided Adversarial Training for Robustness to Natural Perturbations, AAAI 2021.

    Args:
        step: step size.
        every: visits from one generation to the next.
        share: of the images that are due, how many are generated.
        noise: share of the set in which starts are drawn.
        mode: whether the attacked network runs with its running statistics (eval) or with those of the batch (train).
    """

    step: Step
    every: int = 5
    share: float = 1.0
    noise: float = 1.0
    mode: Mode = "eval"

    def __post_init__(self) -> None:
        fields_fit(self)
        a_share("noise", self.noise)
        if not 0 <= self.share <= 1:
            raise ValueError(f"share={self.share:g} of the images cannot be generated. Give a share from 0 to 1.")
        if self.every < 1:
            raise ValueError(f"every={self.every}: an image is generated anew after at least 1 visit.")

    def play(self, game: Game, passes: int, memory: Memory) -> Iterator[Point]:
        origin = origin_of(game)
        index, point = origin.index, game.open()
        z = game.noise(self.noise)
        if not memory:
            memory.update(_empty(origin.images, z))
        due = memory["visits"][index] % self.every == 0
        chosen = due & (game.drawn(lambda z: torch.rand(len(z), device=z.device), z) < self.share)
        kept = ~due & memory["kept"][index]
        before = game.threat.project(memory["z"][index], game.attacked_images, game.reach)
        z = torch.where(kept.view(-1, *[1] * (z.dim() - 1)), before, z)
        rows = chosen.nonzero().flatten()
        if passes > 1 and game.world.together(len(rows) > 0):
            z[rows] = self._found(point.apart(rows), z[rows], passes - 1)
        game.put(memory["z"], index, z)
        game.put(memory["kept"], index, kept | chosen)
        game.put(memory["visits"], index, memory["visits"][index] + 1)
        yield point.at(z)

    def _found(self, point: Point, z: Tensor, steps: int) -> Tensor:
        """Where the ascent from `z` leads."""
        game = point.game
        size = self.step(game.threat.radius, steps, game.step_scale) * game.reach
        with game.under_attack(self.mode):
            return ascend(
                game.threat, game.attacked_images, z, partial(game.gradient, point=point), size, steps, game.reach
            )


def _empty(images: int, z: Tensor) -> Memory:
    return {
        "z": z.new_zeros(images, *z.shape[1:]),
        "kept": torch.zeros(images, dtype=torch.bool, device=z.device),
        "visits": torch.zeros(images, dtype=torch.int32, device=z.device),
    }
