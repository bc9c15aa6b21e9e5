"""Transferred: each image's adversary goes on where it was left an epoch ago."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import torch

from robustdial.checks import fields_fit
from robustdial.method.game import Game, Point
from robustdial.method.modes import Mode
from robustdial.method.solver.base import Memory, Step, a_share, ascend, origin_of


@dataclass(frozen=True)
class Transferred:
    """PGD that starts from the perturbation the image was left with, and leaves it a new one: few steps add up.

    The perturbations of all training images are kept as they lie on the image in the frame of its crop, brought under
    the image's augmentation, and written back through its inverse. They are offsets of pixels, in half precision:
    rounded by at most eps / 2048, for 8/255 a 250th of a grey level. That is 2 bytes for each pixel and channel of
    the framed training set (0.4 GB for 45,000 images of CIFAR-10), and as much in every checkpoint.

    Source: Zheng et al., Efficient Adversarial Training with Transferable Adversarial Examples, CVPR 2020.

    Departures from the authors' code: an image starts anew after `reset` of its own visits (theirs all at once, before
    epochs 10, 20, ... counted from 1), which differs for images that sit out an epoch or have no adversary in it; the
    noise of the start is uniform, inside the image, and covers the window that is seen (theirs normal, over the frame).

    Args:
        step: step size.
        reset: visits after which an image starts anew.
        noise: share of the set in which the start is drawn.
        mode: whether the attacked network runs with its running statistics (eval) or with those of the batch (train).
    """

    step: Step
    reset: int = 10
    noise: float = 1.0
    mode: Mode = "eval"

    def __post_init__(self) -> None:
        fields_fit(self)
        a_share("noise", self.noise)
        if self.reset < 1:
            raise ValueError(f"reset={self.reset}: an adversary needs at least 1 visit before it starts anew.")

    def play(self, game: Game, passes: int, memory: Memory) -> Iterator[Point]:
        place, threat = origin_of(game), game.threat
        if not memory:
            memory["z"] = place.store(game.attacked_images, torch.float16)
            memory["visits"] = torch.zeros(place.images, dtype=torch.int32, device=game.attacked_images.device)
        store, visits = memory["z"], memory["visits"]
        anew = visits[place.index] % self.reset == 0
        fresh = anew[:, None, None, None]
        store[place.index] = store[place.index].masked_fill(fresh, 0)  # a boolean index would wait for the device
        kept = place.take(store).to(game.attacked_images.dtype)
        z = torch.where(fresh, game.noise(self.noise), kept)
        z = threat.project(z, game.attacked_images, game.reach)  # half precision may have rounded out of the set
        steps, point = passes - 1 if game.called else 0, game.open()
        with game.under_attack(self.mode):
            size = self.step(threat.radius, passes - 1, game.step_scale) * game.reach
            z = ascend(threat, game.attacked_images, z, partial(game.gradient, point=point), size, steps, game.reach)
        game.put(store, place.index, place.written(store, z))
        game.put(visits, place.index, visits[place.index] + 1)
        yield point.at(z)
