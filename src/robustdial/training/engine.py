"""The engine: `steps` and `fit` walk the epochs, batch by batch; `TrainState` is what is saved."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from robustdial.checks import a, checked, finite, positive, seed, whole
from robustdial.data import Batch, Data, Feed, Mixing, to_learn_at, whole_images
from robustdial.dial import Forward
from robustdial.distributed import ALONE, World
from robustdial.method import Method
from robustdial.method.learner import Learner
from robustdial.method.solver import Memory
from robustdial.training.batch import PLAIN, Sums, add, check_place, played
from robustdial.training.door import check_divides, check_learns, check_steps, told
from robustdial.training.growth import AT_ONCE, Growth
from robustdial.training.means import MEANS, means_of, over_all
from robustdial.training.optimizer import check_rates, optimizer_for
from robustdial.training.rate import Rate, rate_of, triangle
from robustdial.training.sides import Sides, stretches
from robustdial.typing import Classifier, Json

Tensors = tuple[Tensor, ...] | list[Tensor]


class Recovery(NamedTuple):
    """What a training that was taken back to a healthy state does differently from then on.

    Attributes:
        passes: passes per batch beyond the schedule's.
        step_scale: factor on the adversary's steps of constant size; steps that share a way shorten by themselves.
        lr: factor on the learning rate.
        returns: how often it was taken back.
    """

    passes: int = 0
    step_scale: float = 1.0
    lr: float = 1.0
    returns: int = 0

    def of(self, passes: int) -> int:
        """Passes per batch where the schedule says `passes`; where it gives the adversary none, there is none."""
        return passes + self.passes if passes > 1 else passes


@dataclass
class TrainState:
    """Everything that a run is made of, and that resuming restores to the bit.

    Attributes:
        model: the network, on its device.
        optimizer: over its parameters; any of torch's kind that steps without a closure. The rate of each of its groups
            is set before every batch, to the rate at that time, times the group's `lr_scale` if it has one.
        rate: progress in [0, 1] to the factor on the learning rate; a function of yours, or one of `training.rate`.
        lr: the learning rate at factor 1.
        seed: of the order of the images.
        schedule: state of the method's schedule; None before the first epoch.
        memories: what the solver keeps between batches.
        epoch, batch: finished epochs, and batches done in the running one.
        sums: statistics of the running epoch.
        recovery: what is done differently since the training was last taken back.
        average: a running average of the weights (`averaged`), which is what is measured where there is one.
        forward: how the model is called; not saved.
        learner: where the weights stand while they learn; not saved.
        teacher: whose answers the method learns from, if it asks for them; not saved.
        world: the processes that train this network together; not saved.
        accumulate: parts in which each batch is played, for one update; not saved.
        clip: largest length of an update's gradient, 0 for any; not saved.
        mixing: how images and labels of each batch are mixed; None for not at all; not saved.
        sides: how large the images to learn from are as the training goes on; None for the size that they have; not
            saved. What a solver keeps between batches begins anew where it changes.
        growth: how the radius of the threat, and steps of constant size with it, grow; not saved.
    """

    model: nn.Module
    optimizer: torch.optim.Optimizer
    rate: Rate
    lr: float
    seed: int
    forward: Forward
    schedule: Json = None
    memories: list[Memory] = field(default_factory=list)
    epoch: int = 0
    batch: int = 0
    sums: Sums = field(default_factory=dict)
    recovery: Recovery = field(default_factory=Recovery)
    average: AveragedModel | None = None
    learner: Learner = PLAIN
    teacher: Classifier | None = None
    world: World = ALONE
    accumulate: int = 1
    clip: float = 0.0
    mixing: Mixing | None = None
    sides: Sides | None = None
    growth: Growth = AT_ONCE

    def __post_init__(self) -> None:
        a("model", self.model, nn.Module, "a network, a torch.nn.Module")
        a("optimizer", self.optimizer, torch.optim.Optimizer, "an optimizer, such as optimizer_for(model, lr=0.1)")
        check_rates(self.optimizer)
        check_steps(self.optimizer)
        finite("lr", self.lr, "Give a learning rate such as 0.1.")
        seed(self.seed)
        self.rate = rate_of(self.rate)

    @classmethod
    def new(cls, model: nn.Module, *, lr: float = 0.1, rate: Rate | str = triangle, seed: int = 0) -> TrainState:
        """A fresh state with the customary optimizer, in single precision. `seed` sets the order of the images; the
        adversaries and the augmentation draw from torch's global generator (`torch.manual_seed`). A `rate` may go by
        its name, such as `cosine`."""
        positive("lr", lr, "Give a learning rate such as 0.1.")
        return cls(model, optimizer_for(model, lr), rate_of(rate), lr, seed, forward=model)

    @property
    def served(self) -> nn.Module:
        """The network to measure and keep: the average of the weights, where there is one."""
        return self.model if self.average is None else self.average.module

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.model.parameters()).device


@dataclass(frozen=True)
class Step:
    """One batch has been learned. `summary` is there when it was the last one of its epoch.

    Attributes:
        batch, batches: batches done in this epoch, of how many.
        epoch: number of the epoch, from 1.
        passes: passes that the batch cost.
        summary: statistics of the finished epoch, or None.
    """

    epoch: int
    batch: int
    batches: int
    passes: int
    summary: dict[str, Json] | None = None


@checked
def steps(state: TrainState, data: Data, method: Method, *, epochs: int, batch: int) -> Iterator[Step]:
    """Train until `epochs` epochs are finished, yielding after every batch.

    Between two yields the caller may save `state`, draw a progress bar, or stop. Continuing from a saved state gives
    the same weights as never having stopped.

    Raises:
        ValueError: the images are not in [0, 1], for example because they are normalised already; the method learns
            from unlabelled images, and there are none, or they have no pseudo-labels.
        FloatingPointError: the loss of an epoch is not finite.
    """
    whole("epochs", epochs, least=1)
    whole("batch", batch, least=1)
    return _steps(state, data, method, epochs, batch)


def _steps(state: TrainState, data: Data, method: Method, epochs: int, batch: int) -> Iterator[Step]:
    first, feed = True, Feed(data, method.unlabelled, state.world, state.mixing)
    check_divides(state.world.size, state.accumulate, min(batch, feed.images))
    if state.epoch == 0 and state.batch == 0:
        state.schedule = method.schedule.init()
    while state.epoch < epochs:
        order = feed.order(batch, state.seed, state.epoch)
        passes = method.schedule.passes(state.schedule)
        whole(f"the passes of {type(method.schedule).__name__}", passes, least=1)
        passes = state.recovery.of(passes)
        clock = time.perf_counter()
        for learned in _batches(state, data, feed, order, epochs):
            _set_rate(state, (state.epoch + state.batch / len(order)) / epochs)
            state.model.train()
            done = (state.epoch + (state.batch + 1) / len(order)) / epochs  # by its end: a radius is never 0
            if first:  # one look at what the data and its augmentation really give
                first, learned = False, replace(learned, x=whole_images(learned.x, "training"))
                check_place(state.model, learned)
                check_rates(state.optimizer)
                check_learns(state.model, state.optimizer, state.teacher)
            with told(state.model, learned):
                sums = played(
                    state.model,
                    learned,
                    state.growth.of(method, done),
                    passes,
                    state.optimizer,
                    state.memories,
                    forward=state.forward,
                    learner=state.learner,
                    step_scale=state.recovery.step_scale * state.growth(done),
                    teacher=state.teacher,
                    world=state.world,
                    accumulate=state.accumulate,
                    clip=state.clip,
                )
            if state.average is not None:
                follow(state.average, state.model)
            state.world.same_random_numbers(state.device)
            now = time.perf_counter()
            state.sums = add(state.sums, sums | {"seconds": torch.tensor(now - clock)})
            state.batch += 1
            step = Step(state.epoch + 1, state.batch, len(order), passes)
            yield step if state.batch < len(order) else _close_epoch(state, method, step, epochs)
            clock = time.perf_counter()


def _batches(state: TrainState, data: Data, feed: Feed, order: list[Tensor], epochs: int) -> Iterator[Batch]:
    """The batches that are left of an epoch, their images as large as they are to be by then."""
    for stretch in stretches(state.sides, order, state.epoch, state.batch, epochs):
        if stretch.anew:
            state.memories.clear()
        yield from replace(feed, data=to_learn_at(data, stretch.side)).batches(stretch.order)


@checked
def fit(state: TrainState, data: Data, method: Method, *, epochs: int, batch: int) -> Iterator[dict[str, Json]]:
    """Train, yielding the statistics of each finished epoch: log, save, evaluate or stop in an ordinary loop.

    The data is handed out where it is: `data.to(device)` first, for a model on an accelerator.

    ```
    for epoch in fit(state, data, oat(), epochs=15, batch=128):
        print(epoch["epoch"], epoch["loss"])
    ```
    """
    every = steps(state, data, method, epochs=epochs, batch=batch)
    return (step.summary for step in every if step.summary is not None)


@checked
def averaged(model: nn.Module, decay: float) -> AveragedModel:
    """An exponential moving average of the weights and running statistics of `model`, to be updated after each step.

    After n updates the old average keeps min(decay, (1 + n) / (10 + n)), so that it follows quickly at first.

    Raises ValueError unless `decay`, the share of the old average that each step keeps, is in (0, 1).
    """
    if not 0 < decay < 1:
        raise ValueError(f"A decay of {decay:g} averages nothing. Give one between 0 and 1, for example 0.999.")

    @torch.no_grad()
    def average(averages: Tensors, values: Tensors, updates: Tensor | int) -> None:
        updates = torch.as_tensor(updates)
        weight = float(1 - ((1 + updates) / (10 + updates)).clamp(max=decay)) if updates else 1.0
        for mean, value in zip(averages, values, strict=True):
            if mean.is_floating_point():
                mean.lerp_(value, weight)
            else:  # numbers of batches
                mean.copy_(value)

    return AveragedModel(model, multi_avg_fn=average, use_buffers=True).requires_grad_(False)


def follow(average: AveragedModel, model: nn.Module) -> None:
    """Let an average (`averaged`) follow its model by one update, as `average.update_parameters(model)` does.

    That copies the number of updates to the device each time, and waits for it; here the number stays where it is.
    """
    assert average.multi_avg_fn is not None
    means, values = ([*net.parameters(), *net.buffers()] for net in (average.module, model))
    average.multi_avg_fn(means, values, average.n_averaged)
    average.n_averaged += 1


def _set_rate(state: TrainState, progress: float) -> None:
    factor = state.rate(progress)
    _check_factor(factor, progress)
    for group in state.optimizer.param_groups:
        group["lr"] = state.lr * state.recovery.lr * factor * group.get("lr_scale", 1.0)


def _check_factor(factor: object, progress: float) -> None:
    finite(f"rate({progress:g})", factor, "A rate is a function from progress in [0, 1] to a finite factor, 0 or more.")
    if float(factor) < 0:  # type: ignore[arg-type]
        raise ValueError(
            f"rate({progress:g})={factor} is negative: the weights would climb. Give a factor of 0 or more."
        )


def check_finite(state: TrainState) -> None:
    """Raise FloatingPointError if the loss of the running epoch, or its gradient, is no longer finite."""
    if state.world.any(not all(math.isfinite(float(state.sums.get(name, 0.0))) for name in ("loss", "gradient"))):
        raise FloatingPointError(
            f"The loss is not finite in epoch {state.epoch + 1}. Train again into a new --out with a lower --lr, "
            "with --precision float32, or with --on-trouble rollback; the last checkpoint is from before."
        )


def _close_epoch(state: TrainState, method: Method, step: Step, epochs: int) -> Step:
    check_finite(state)
    sums = {name: float(value) for name, value in over_all(state.world, state.sums).items()}
    summary = {
        "epoch": step.epoch,
        "progress": step.epoch / epochs,
        "passes": step.passes,
        "spent": sums["spent"] / sums["images"],
        **dict.fromkeys(MEANS),
        **means_of(sums),
        "lr": max(group["lr"] for group in state.optimizer.param_groups),
        "seconds": sums["seconds"],
        "images": int(sums["images"]),
    }
    state.schedule = method.schedule.after(state.schedule, {k: v for k, v in summary.items() if v is not None})
    state.epoch, state.batch, state.sums = state.epoch + 1, 0, {}
    return Step(step.epoch, step.batch, step.batches, step.passes, summary)
