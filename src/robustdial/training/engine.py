"""The engine: `train_batch` plays any method on one batch, `steps` and `fit` walk the epochs, `TrainState` is saved."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from robustdial.data import Batch, Data, Feed, whole_images
from robustdial.dial import Forward
from robustdial.method import Method
from robustdial.method.game import Game, Point
from robustdial.method.learner import Learner, Plain
from robustdial.method.solver import Memory
from robustdial.training.rate import Rate, triangle
from robustdial.typing import Classifier, Json

PLAIN = Plain()

Tensors = tuple[Tensor, ...] | list[Tensor]

Sums = dict[str, Tensor]
"""Statistics that add up over batches (and, later, over processes)."""


def train_batch(
    model: nn.Module,
    batch: Batch,
    method: Method,
    passes: int,
    optimizer: torch.optim.Optimizer,
    memories: list[Memory],
    *,
    forward: Forward | None = None,
    learner: Learner = PLAIN,
    step_scale: float = 1.0,
    teacher: Classifier | None = None,
) -> Sums:
    """Play `method` on one batch and let the weights learn: the engine, entire.

    Args:
        model: in training mode; with a dial if the method has one.
        batch: images and labels, `Batch(x, y)`.
        passes: forward-backward passes to spend, the learning ones included.
        memories: what the solver keeps between batches, one entry per width; grows as needed.
        forward: how the model is called (precision, compiled); the model itself by default.
        learner: where the weights stand while they learn.
        step_scale: factor on the adversary's steps of constant size.
        teacher: images to logits, in evaluation mode, for objectives that ask one; its forward is not counted.

    Returns:
        Sums over the rows as the last learning pass saw them: `loss`, `rows`, for `clean` and `adv` the right answers
            and their number, as far as computed, and `gradient`, the L1 norm of the gradient of each row's loss with
            respect to its perturbation, with the number of attacked rows. `spent` is the cost in passes over
            images, of all widths, and `images` the size of the batch.
    """
    seats = method.dial.seats(model, forward or model, batch.x)
    memories.extend({} for _ in range(len(seats) - len(memories)))
    games = [Game(model, s, batch, method.threat, method.objective, step_scale, teacher) for s in seats]
    plays = [method.solver.play(game, passes, memory) for game, memory in zip(games, memories, strict=True)]
    sums: Sums = {}
    for turn, found in enumerate(zip(*plays, strict=True), start=1):  # all widths advance in lock-step
        sums = {}
        with learner.around(model, found, method.objective) as points:
            for point in points:
                loss, shares = method.objective.learn(point), len(points) * point.parts
                torch.autograd.backward(loss.mean() / shares)
                sums = _add(sums, _sums(point, loss, shares))
            if turn % points[-1].parts == 0:
                optimizer.step()
                optimizer.zero_grad(set_to_none=True)
    return sums | {"spent": torch.tensor(sum(game.spent for game in games)), "images": torch.tensor(len(batch))}


def _sums(point: Point, loss: Tensor, shares: int) -> Sums:
    sums = {"loss": loss.detach().sum(), "rows": torch.tensor(len(loss))}
    for name, (correct, number) in point.correct().items():
        sums |= {name: correct, f"{name}_rows": torch.tensor(number)}
    if point.z is not None and point.z.grad is not None:
        # undo the mean over the batch and the share of the update: each image's gradient is that of its own loss
        gradient = point.z.grad.abs().sum() * len(loss) * shares
        sums |= {"gradient": gradient, "gradient_rows": torch.tensor(len(point.z))}
    return sums


def _add(total: Sums, more: Mapping[str, Tensor]) -> Sums:
    # in double precision, on the device: nothing waits, and the order of saving does not change the sum
    return total | {name: total.get(name, 0) + value.double() for name, value in more.items()}


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
        optimizer: over its parameters.
        rate: progress in [0, 1] to the factor on the learning rate.
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

    @classmethod
    def new(cls, model: nn.Module, *, lr: float = 0.1, rate: Rate = triangle, seed: int = 0) -> TrainState:
        """A fresh state with the customary optimizer, in single precision. `seed` sets the order of the images; the
        adversaries and the augmentation draw from torch's global generator (`torch.manual_seed`)."""
        return cls(model, optimizer_for(model, lr), rate, lr, seed, forward=model)

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


def steps(state: TrainState, data: Data, method: Method, *, epochs: int, batch: int) -> Iterator[Step]:
    """Train until `epochs` epochs are finished, yielding after every batch.

    Between two yields the caller may save `state`, draw a progress bar, or stop. Continuing from a saved state gives
    the same weights as never having stopped.

    Raises:
        ValueError: the images are not in [0, 1], for example because they are normalised already; the method learns
            from unlabelled images, and there are none, or they have no pseudo-labels.
        FloatingPointError: the loss of an epoch is not finite.
    """
    first, feed = True, Feed(data, method.unlabelled)
    if state.epoch == 0 and state.batch == 0:
        state.schedule = method.schedule.init()
    while state.epoch < epochs:
        order = feed.order(batch, state.seed, state.epoch)
        passes = state.recovery.of(method.schedule.passes(state.schedule))
        clock = time.perf_counter()
        for learned in feed.batches(order[state.batch :]):
            _set_rate(state, (state.epoch + state.batch / len(order)) / epochs)
            state.model.train()
            if first:  # one look at what the data and its augmentation really give
                first, learned = False, replace(learned, x=whole_images(learned.x, "training"))
            sums = train_batch(
                state.model,
                learned,
                method,
                passes,
                state.optimizer,
                state.memories,
                forward=state.forward,
                learner=state.learner,
                step_scale=state.recovery.step_scale,
                teacher=state.teacher,
            )
            if state.average is not None:
                state.average.update_parameters(state.model)
            now = time.perf_counter()
            state.sums = _add(state.sums, sums | {"seconds": torch.tensor(now - clock)})
            state.batch += 1
            step = Step(state.epoch + 1, state.batch, len(order), passes)
            yield step if state.batch < len(order) else _close_epoch(state, method, step, epochs)
            clock = time.perf_counter()


def fit(state: TrainState, data: Data, method: Method, *, epochs: int, batch: int) -> Iterator[dict[str, Json]]:
    """Train, yielding the statistics of each finished epoch: log, save, evaluate or stop in an ordinary loop.

    The data is handed out where it is: `data.to(device)` first, for a model on an accelerator.

    ```
    for epoch in fit(state, data, oat(), epochs=15, batch=128):
        print(epoch["epoch"], epoch["loss"])
    ```
    """
    for step in steps(state, data, method, epochs=epochs, batch=batch):
        if step.summary is not None:
            yield step.summary


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
        weight = 1 - ((1 + updates) / (10 + updates)).clamp(max=decay)
        for mean, value in zip(averages, values, strict=True):
            if mean.is_floating_point():
                mean.lerp_(value, weight.to(mean.dtype))
            else:  # numbers of batches
                mean.copy_(value)

    return AveragedModel(model, multi_avg_fn=average, use_buffers=True).requires_grad_(False)


def optimizer_for(
    model: nn.Module, lr: float, momentum: float = 0.9, weight_decay: float = 5e-4
) -> torch.optim.Optimizer:
    """Stochastic gradient descent over all parameters, with the constants customary in adversarial training."""
    return torch.optim.SGD(model.parameters(), lr=lr, momentum=momentum, weight_decay=weight_decay)


def _set_rate(state: TrainState, progress: float) -> None:
    for group in state.optimizer.param_groups:
        group["lr"] = state.lr * state.recovery.lr * state.rate(progress)


def check_finite(state: TrainState) -> None:
    """Raise FloatingPointError if the loss of the running epoch, or its gradient, is no longer finite."""
    if not all(math.isfinite(float(state.sums.get(name, 0.0))) for name in ("loss", "gradient")):
        raise FloatingPointError(
            f"The loss is not finite in epoch {state.epoch + 1}. Train again into a new --out with a lower --lr, "
            "with --precision float32, or with --on-trouble rollback; the last checkpoint is from before."
        )


def _close_epoch(state: TrainState, method: Method, step: Step, epochs: int) -> Step:
    check_finite(state)
    sums = {name: float(value) for name, value in state.sums.items()}
    means = {n: sums[n] / sums[f"{n}_rows"] for n in ("clean", "adv", "gradient") if sums.get(f"{n}_rows")}
    summary = {
        "epoch": step.epoch,
        "progress": step.epoch / epochs,
        "passes": step.passes,
        "spent": sums["spent"] / sums["images"],
        "loss": sums["loss"] / sums["rows"],
        "clean": means.get("clean"),
        "adv": means.get("adv"),
        "gradient": means.get("gradient"),
        "lr": state.optimizer.param_groups[0]["lr"],
        "seconds": sums["seconds"],
        "images": int(sums["images"]),
    }
    state.schedule = method.schedule.after(state.schedule, {k: v for k, v in summary.items() if v is not None})
    state.epoch, state.batch, state.sums = state.epoch + 1, 0, {}
    return Step(step.epoch, step.batch, step.batches, step.passes, summary)
