"""Prior: each image's adversary sets out from where the gradients of its earlier visits point."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from robustdial.checks import fields_fit
from robustdial.data.origin import Origin
from robustdial.method.game import Game, Point
from robustdial.method.modes import Mode
from robustdial.method.solver.base import Memory, Step, ascend, origin_of
from robustdial.method.solver.started import Corner


@dataclass(frozen=True)
class Prior:
    r"""A step from the image's prior, and a prior that follows the momentum of all its gradients.

        z  = project(s + step(g)),    m <- g / mean |g| + decay m,    s <- project(s + step(m)),    g = grad loss(s)

    A new image begins in a corner of its set and without momentum. More passes make more steps from the same prior; the
    momentum takes the first gradient. Prior and momentum are kept as they lie on the image, in the frame of its crop,
    in half precision, the momentum in bfloat16: 4 bytes for each pixel and channel of the framed training set (0.8 GB
    for 45,000 images of CIFAR-10), and as much in every checkpoint.

    Source: Jia et al., Prior-Guided Adversarial Initialization for Fast Adversarial Training, ECCV 2022: FGSM-MEP, its
    variant with the momentum of all earlier epochs.

    Departures from the authors' code: what is kept moves with the crop and flip of its image (theirs stays where it is
    in the window); an image starts anew after `reset` of its own visits (theirs all at once); the gradient is scaled to
    mean size 1 (theirs to sum 1), which no step sees.

    Args:
        step: step size, of the adversary and of the prior.
        decay: share of the momentum that stays from visit to visit.
        reset: visits after which an image starts anew.
        mode: whether the attacked network runs with its running statistics (eval) or with those of the batch (train).
    """

    step: Step
    decay: float = 0.3
    reset: int = 40
    mode: Mode = "train"

    def __post_init__(self) -> None:
        fields_fit(self)
        if self.reset < 1:
            raise ValueError(f"reset={self.reset}: an adversary needs at least 1 visit before it starts anew.")

    def play(self, game: Game, passes: int, memory: Memory) -> Iterator[Point]:
        origin, point = origin_of(game), game.open()
        start, momentum = self._recalled(point, origin, memory)
        if passes > 1 and len(start):
            z, gradient = self._climbed(point, start, passes - 1)
            momentum = gradient / gradient.abs().mean().clamp_min(torch.finfo(gradient.dtype).tiny) + momentum
            size = self.step(game.threat.radius, passes - 1, game.step_scale) * game.reach
            prior = ascend(game.threat, game.attacked_images, start, lambda _: momentum, size, 1, game.reach)
        else:
            z = prior = start
        for name, kept in (("start", prior), ("momentum", momentum)):
            game.put(memory[name], origin.index, origin.written(memory[name], kept))
        game.put(memory["visits"], origin.index, memory["visits"][origin.index] + 1)
        yield point.at(z, start=start)

    def _recalled(self, point: Point, origin: Origin, memory: Memory) -> tuple[Tensor, Tensor]:
        """Prior and what is left of the momentum of each image; of images that start anew, a corner and none."""
        game = point.game
        x = game.attacked_images
        if not memory:
            memory["start"] = origin.store(x, torch.float16)
            memory["momentum"] = origin.store(x, torch.bfloat16)  # single gradients can be far beyond the mean
            memory["visits"] = torch.zeros(origin.images, dtype=torch.int32, device=x.device)
        anew = memory["visits"][origin.index] % self.reset == 0
        for name in ("start", "momentum"):  # without asking which they are: that would wait for the device
            kept = memory[name][origin.index]
            memory[name][origin.index] = kept.masked_fill(anew[:, None, None, None], 0)
        start, momentum = (origin.take(memory[name]).to(x.dtype) for name in ("start", "momentum"))
        start = torch.where(anew[:, None, None, None], Corner(1.0).draw(point, memory), start)
        # a crop shows pixels that had none, and half precision may have rounded out of the set
        return game.threat.project(start, x, game.reach), self.decay * momentum

    def _climbed(self, point: Point, start: Tensor, steps: int) -> tuple[Tensor, Tensor]:
        """Where `steps` steps lead from the prior, and the gradient there where they begin."""
        game = point.game
        size = self.step(game.threat.radius, steps, game.step_scale) * game.reach
        with game.under_attack(self.mode):
            first = game.gradient(start, point)
            z = ascend(game.threat, game.attacked_images, start, lambda _: first, size, 1, game.reach)
            onward = partial(game.gradient, point=point)
            return ascend(game.threat, game.attacked_images, z, onward, size, steps - 1, game.reach), first
