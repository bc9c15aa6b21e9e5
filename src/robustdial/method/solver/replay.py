"""Replay: learn at every step of the adversary, from the gradient that the learning pass leaves behind."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from robustdial.checks import fields_fit
from robustdial.method.game import Game, Point
from robustdial.method.solver.base import Memory, Step, a_share, left
from robustdial.method.threat import Reach


@dataclass(frozen=True)
class Replay:
    """Each batch is learned `passes` times; between two of them the perturbation ascends by a step.

    One backward pass gives the gradients of the weights and of the perturbation, so an adversary of r steps costs r
    passes and moves the weights r times. The perturbation is drawn anew for each batch; the ascent after the last
    pass is left out, as nothing would learn from it.

    Source: Wang et al., Dynamic Efficient Adversarial Training Guided by Gradient Magnitude (DEAT), 2021.

    Args:
        step: step size; its steps are the passes.
        noise: share of the set in which the start is drawn; 0 starts at the clean image.
    """

    step: Step
    noise: float = 1.0

    def __post_init__(self) -> None:
        fields_fit(self)
        a_share("noise", self.noise)

    def play(self, game: Game, passes: int, memory: Memory) -> Iterator[Point]:
        z = game.noise(self.noise)
        yield from replayed(game, z, passes, self.step(game.threat.radius, passes, game.step_scale) * game.reach)


@dataclass(frozen=True)
class Carried:
    """`Replay` whose perturbation goes on from batch to batch, over all epochs, as in "free" adversarial training.

    A perturbation meets images that it was not made for; until its next step it may leave their [0, 1].

    Source: Shafahi et al., Adversarial Training for Free!, NeurIPS 2019, algorithm 1, as Wong et al. have ported it;
    the authors cut the image to [0, 1], and never the perturbation.

    Args:
        step: step size; its steps are the passes.
    """

    step: Step

    def __post_init__(self) -> None:
        fields_fit(self)

    def play(self, game: Game, passes: int, memory: Memory) -> Iterator[Point]:
        kept, x = memory.get("z", game.attacked_images[:0]), game.attacked_images
        if len(kept) < game.shard.of:  # how many rows are attacked can vary from batch to batch
            kept = torch.cat([kept, x.new_zeros(game.shard.of - len(kept), *x.shape[1:])])
        memory["z"] = kept
        z = kept[: game.shard.of][game.shard.own]
        if isinstance(game.reach, torch.Tensor):  # it was made for other rows, with other radii
            z = game.threat.project(z, x, game.reach)
        size = self.step(game.threat.radius, passes, game.step_scale) * game.reach
        for point in replayed(game, z, passes, size):
            yield point
        game.put(kept, game.shard.numbers(x), ascended(point, size))


def replayed(game: Game, z: Tensor, passes: int, size: Reach) -> Iterator[Point]:
    """`passes` points to learn from, each a step of `size` along the gradient that was left at the one before."""
    for turn in range(passes):
        point = game.open().at(z)
        yield point
        if turn < passes - 1:
            z = ascended(point, size)


def ascended(point: Point, size: Reach) -> Tensor:
    """The perturbation of a point that was learned from, one step further."""
    game, slope = point.game, left(point)
    assert point.z is not None
    return game.threat.project(game.threat.ascend(point.z.detach(), slope, size), game.attacked_images, game.reach)
