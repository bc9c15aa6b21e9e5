"""YOPO: several cheap steps of the adversary for each pass through the network, several passes for each update."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from robustdial.checks import fields_fit
from robustdial.method.game import Game, Point
from robustdial.method.solver.base import Memory, Step, a_share, left


@dataclass(frozen=True)
class YOPO:
    r"""Each pass yields p = -dL/dh at the output h of the first layer, held fixed for `inner` steps through that layer.

    Where the first layer is affine in its input (a convolution or a linear layer behind a normalisation: every
    network here), these inner steps need no computation: the gradient p^T dh/dz that they follow does not change with
    z. It is the input gradient that the learning pass has left. YOPO-m-n is then m passes with n projected steps
    after each, whose weight gradients make up one update.

    Source: Zhang et al., You Only Propagate Once: Accelerating Adversarial Training via Maximal Principle, NeurIPS
    2019.

    Departures from the authors' code: an update takes the mean of its passes' gradients (theirs the sum, with a
    learning rate divided by their number); the first layer's gradient counts once (theirs adds it a second time, at
    the perturbation after the inner steps); no extra forward moves the running statistics.

    Args:
        step: size of an inner step; its steps are the passes times `inner`.
        inner: steps after each pass, n.
        noise: share of the set in which the start is drawn.
    """

    step: Step
    inner: int = 3
    noise: float = 1.0

    def __post_init__(self) -> None:
        fields_fit(self)
        a_share("noise", self.noise)
        if self.inner < 1:
            raise ValueError(f"inner={self.inner}: the adversary needs at least 1 step after each pass.")

    def play(self, game: Game, passes: int, memory: Memory) -> Iterator[Point]:
        threat, size = game.threat, self.step(game.threat.radius, passes * self.inner, game.step_scale) * game.reach
        z = game.noise(self.noise)
        for turn in range(passes):
            point = game.open(parts=passes).at(z)
            yield point
            if turn < passes - 1:
                slope = left(point)
                for _ in range(self.inner):
                    z = threat.project(threat.ascend(z, slope, size), game.attacked_images, game.reach)
