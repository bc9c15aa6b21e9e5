"""Generator against critic: one step, and the epochs."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from robustdial.checks import checked, positive, whole
from robustdial.checks import seed as seed_fits
from robustdial.data import Data, epoch_order, unit
from robustdial.generator.network import NOISE, Critic, StyleGenerator
from robustdial.typing import Json

DECAY = 0.995
"""Share of the average that a batch leaves."""
LAZY = 8
"""The critic's gradient is punished at every so many batches, so many times as much."""
R1, PIXELS, FEATURES, CODES = 0.1, 10.0, 1.0, 1.0
"""Weights: of that punishment; of an encoded image against its original, in pixels and as the critic sees it; and of
the w that are drawn against those that the encoder reads."""


@dataclass
class GeneratorState:
    """Everything that the training of a generator is made of, and that resuming restores to the bit.

    Attributes:
        generator, critic: the two players, on their device.
        average: a running average of the generator, which is what is kept for use.
        optimizers: of the generator (encoder included) and of the critic.
        seed: of the order of the images.
        epoch, batch: finished epochs, and batches done in the running one.
        steps: batches done in all.
        sums: statistics of the running epoch.
    """

    generator: StyleGenerator
    critic: Critic
    average: StyleGenerator
    optimizers: tuple[torch.optim.Optimizer, torch.optim.Optimizer]
    seed: int
    epoch: int = 0
    batch: int = 0
    steps: int = 0
    sums: dict[str, float] = field(default_factory=dict)

    @classmethod
    @checked
    def new(cls, generator: StyleGenerator, *, width: int = 16, lr: float = 1e-3, seed: int = 0) -> GeneratorState:
        """A fresh state, on the device of `generator`; `width` is that of the critic."""
        whole("width", width, least=1)
        positive("lr", lr)
        seed_fits(seed)
        critic = Critic(generator.shape, generator.classes, width).to(generator.constant.device)
        average = copy.deepcopy(generator).requires_grad_(False)
        average.eval()
        players: tuple[nn.Module, nn.Module] = generator, critic
        first, second = (
            torch.optim.Adam(p.parameters(), k * lr, (0.0, 0.99)) for p, k in zip(players, (1, 2), strict=True)
        )
        return cls(generator, critic, average, (first, second), seed)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.generator.constant.device


class GeneratorStep(NamedTuple):
    """One batch has been learned. `summary` is there when it was the last one of its epoch."""

    epoch: int
    batch: int
    batches: int
    summary: dict[str, Json] | None = None


@checked
def fit_generator(state: GeneratorState, data: Data, *, epochs: int, batch: int) -> Iterator[dict[str, Json]]:
    """Train, yielding the statistics of each finished epoch: `generator_steps` for a caller who needs no batches.

    ```
    for epoch in fit_generator(state, data, epochs=5, batch=64):
        print(epoch["epoch"], epoch["pixels"])
    ```
    """
    every = generator_steps(state, data, epochs=epochs, batch=batch)
    return (step.summary for step in every if step.summary is not None)


@checked
def generator_steps(state: GeneratorState, data: Data, *, epochs: int, batch: int) -> Iterator[GeneratorStep]:
    """Train until `epochs` epochs are finished, yielding after every batch.

    Images are learned as they are, without augmentation. Random numbers come from torch's global generator. Continuing
    from a saved state gives the same weights as never having stopped.

    Raises:
        ValueError: fewer than four images, or a batch of fewer.
        FloatingPointError: a loss is not finite.
    """
    whole("epochs", epochs, least=1)
    if min(batch, len(data.train)) < 4:  # half of it must have a spread
        raise ValueError(f"A batch of {min(batch, len(data.train))} is too small for a generator. Give 4 or more.")
    return _steps(state, data, epochs, batch)


def _steps(state: GeneratorState, data: Data, epochs: int, batch: int) -> Iterator[GeneratorStep]:
    while state.epoch < epochs:
        order = epoch_order(len(data.train), batch, state.seed, state.epoch)
        rest, clock = order[state.batch :], time.perf_counter()
        for x, y in data.train.batches(rest):
            found = play(state, unit(x), y) | {"seconds": time.perf_counter() - clock}
            state.sums = {name: state.sums.get(name, 0.0) + value for name, value in found.items()}
            state.batch, state.steps = state.batch + 1, state.steps + 1
            step = GeneratorStep(state.epoch + 1, state.batch, len(order))
            yield step if state.batch < len(order) else _close(state, step)
            clock = time.perf_counter()


def play(state: GeneratorState, x: Tensor, y: Tensor) -> dict[str, float]:
    r"""One batch: the critic learns to tell images apart, then the generator and its encoder learn to make them alike.

    Half of the generated images are the encoder's reading of images, the other half random. With D the critic, E the
    encoder, and D_k what the critic sees,

        critic      softplus(-D(x)) + softplus(D(G)) + R1/2 |grad D(x)|^2
        generator   softplus(-D(G)) + PIXELS |x - G(E(x))|
                    + FEATURES sum_k |D_k(x) - D_k(G(E(x)))| + CODES S(E(x), M)

    the non-saturating game with the punishment of Mescheder et al., Which Training Methods for GANs do actually
    Converge?, ICML 2018. S is the `energy_score` by which the mapping M learns to draw what the encoder reads from
    images of the same class.

    Args:
        state: with the numbers of the batch to play.
        x, y: images `[B, C, H, W]` in [0, 1] and labels `[B]`.

    Returns:
        The losses.
    """
    generator, half = state.generator, len(x) // 2
    generator.train()
    read, (drawn, other) = generator.read(x[:half]), (generator.map(_normal(state, half), y[:half]) for _ in range(2))
    noise = _normal(state, 2 * half, generator.noise_size)
    noise[:half] = 0  # so it is in encoded images
    made = generator.decode(generator.styles(torch.cat([read, drawn])) | {NOISE: noise})
    twice = y[:half].repeat(2)
    critic_loss = _critic_learns(state, x, y, made.detach(), twice)
    losses = _generator_losses(state, x[:half], made, twice)
    losses["codes"] = CODES * energy_score(read.detach(), drawn, other)
    _step(state.optimizers[0], torch.stack(list(losses.values())).sum())
    generator.follow(read.detach(), 0.01 if state.steps else 1.0)
    _average(state)
    return {name: float(loss.detach()) for name, loss in ({"critic": critic_loss} | losses).items()}


def energy_score(w: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """How badly two draws `a` and `b` of a distribution foretell `w`: least on average where it is that of `w`.

    Mean over rows of (|a - w| + |b - w| - |a - b|) / 2. A mapping that draws the same for every z is not rewarded for
    it. Source: Gneiting & Raftery, Strictly Proper Scoring Rules, Prediction, and Estimation, JASA 2007, section 4.3.
    """

    def apart(p: Tensor, q: Tensor) -> Tensor:
        return (p - q).flatten(1).square().sum(1).add(1e-8).sqrt()

    return (apart(a, w) + apart(b, w) - apart(a, b)).mean() / 2


def _normal(state: GeneratorState, rows: int, size: int | None = None) -> Tensor:
    return torch.randn(rows, size or state.generator.latent, device=state.device)


def _critic_learns(state: GeneratorState, x: Tensor, y: Tensor, made: Tensor, made_y: Tensor) -> Tensor:
    critic, lazy = state.critic.requires_grad_(True), state.steps % LAZY == 0
    x = x.clone().requires_grad_(lazy)
    real, fake = critic(x, y), critic(made, made_y)
    loss = F.softplus(-real).mean() + F.softplus(fake).mean()
    total = loss
    if lazy:
        (slope,) = torch.autograd.grad(real.sum(), x, create_graph=True)
        total = loss + LAZY * R1 / 2 * slope.square().sum((1, 2, 3)).mean()
    _step(state.optimizers[1], total)
    return loss


def _generator_losses(state: GeneratorState, x: Tensor, made: Tensor, y: Tensor) -> dict[str, Tensor]:
    critic, half = state.critic.requires_grad_(False), len(x)
    with torch.no_grad():
        wanted = critic.features(x)
    seen = critic.features(made)
    far = [(a - b[:half]).abs().mean() for a, b in zip(wanted, seen, strict=True)]
    return {
        "fooling": F.softplus(-critic.judge(seen, y)).mean(),
        "pixels": PIXELS * (x - made[:half]).abs().mean(),
        "features": FEATURES * torch.stack(far).sum(),
    }


def _step(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    optimizer.zero_grad(set_to_none=True)
    torch.autograd.backward(loss)
    optimizer.step()


@torch.no_grad()
def _average(state: GeneratorState) -> None:
    """The average keeps `DECAY` of itself, less at first; spreads are taken as they are."""
    share = 1 - min(DECAY, (1 + state.steps) / (10 + state.steps))
    for mean, weight in zip(state.average.parameters(), state.generator.parameters(), strict=True):
        mean.lerp_(weight, share)
    for kept, spread in zip(state.average.buffers(), state.generator.buffers(), strict=True):
        kept.copy_(spread)


def _close(state: GeneratorState, step: GeneratorStep) -> GeneratorStep:
    sums = state.sums
    if not all(math.isfinite(value) for value in sums.values()):
        raise FloatingPointError(
            f"A loss is not finite in epoch {step.epoch}. Train again into a new --out with a lower --lr."
        )
    means: dict[str, Json] = {n: value / step.batches for n, value in sums.items() if n != "seconds"}
    state.epoch, state.batch, state.sums = state.epoch + 1, 0, {}
    return step._replace(summary={"epoch": step.epoch} | means | {"seconds": sums["seconds"]})
