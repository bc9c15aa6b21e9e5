"""What a run will cost on this machine, from a few of its updates on a copy of its network."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import NamedTuple

from robustdial.data import Batch
from robustdial.method.schedule import Schedule
from robustdial.randomness import seeded
from robustdial.run.experiment import Experiment
from robustdial.run.rehearsal import Understudy
from robustdial.run.training_loop import ATTACK, VALIDATION, ends
from robustdial.training.batch import Sums
from robustdial.training.health import probe_size
from robustdial.training.means import over_all

Clock = Callable[[], float]


class Cost(NamedTuple):
    """What a run will cost from here on.

    Attributes:
        images: images to be learned from.
        passes: forward-backward passes over images, in all.
        seconds: on this machine, validation included.
        validation: of these, for validation.
        growth: how many times that it may become if the schedule goes up to its most.
    """

    images: int
    passes: int
    seconds: float
    validation: float
    growth: float


def estimate(experiment: Experiment) -> Cost:
    """Estimate the rest of the run by timing one batch, after one that is not counted, on a copy of the network.

    The passes are those of the epoch at hand.
    """
    state, schedule = experiment.state, experiment.method.schedule
    if experiment.finished:
        return Cost(0, 0, 0.0, 0.0, 1.0)
    passes = state.recovery.of(schedule.passes(state.schedule if state.epoch or state.batch else schedule.init()))
    batches = experiment.batches * (experiment.run.epochs - state.epoch) - state.batch
    images = batches * min(experiment.run.batch, experiment.feed.images)
    with seeded(0, state.device):
        tried = trial(Understudy.of(experiment, experiment.run.compile is True), passes, experiment.run.batch)
    growth = max(1.0, schedule.most / passes)
    spent = round(batches * tried.passes)
    validated = (experiment.run.epochs - state.epoch) * validation_passes(experiment)
    validation = validated * tried.seconds / max(tried.passes, 1)
    smaller = state.sides.work(1 - batches / (experiment.batches * experiment.run.epochs)) if state.sides else 1.0
    return Cost(images, spent, batches * tried.seconds * smaller + validation, validation, growth)


def validation_passes(experiment: Experiment) -> float:
    """Passes over images that the end of an epoch costs; a forward alone is a third of one."""
    images, probed = min(VALIDATION, len(experiment.data.val)), probe_size(len(experiment.data.train))
    attacked = sum(lam != 0 for lam in ends(experiment))
    return images * (len(ends(experiment)) / 3 + attacked * (ATTACK.steps + 1)) + 3 * probed


class Trial(NamedTuple):
    """A typical batch.

    Attributes:
        passes: over images.
        seconds: of the clock.
    """

    passes: float
    seconds: float


def trial(
    understudy: Understudy, passes: int, images: int, repeats: int = 1, clock: Clock = time.perf_counter
) -> Trial:
    """The median of so many batches, after one that is not counted."""
    batches, seconds, typical = understudy.batches(1 + repeats, images), [], 0.0
    for _ in range(1 + repeats):
        began = clock()
        batch = next(batches)
        sums = understudy.learn(batch, passes)
        float(sums["loss"])  # waits for an accelerator
        took = clock() - began
        typical, spent = typical_passes(understudy, batch, sums)
        seconds.append(took * typical / spent)
    return Trial(typical, statistics.median(seconds[1:]))


def typical_passes(understudy: Understudy, batch: Batch, sums: Sums) -> tuple[float, float]:
    """Passes over images of batches like this one, and of this one.

    Those over clean images are the same for every batch; who is attacked is drawn anew for each.
    """
    experiment = understudy.experiment
    totals = over_all(experiment.world, sums)
    spent, clean, attacked = (float(totals.get(name, 0)) for name in ("spent", "clean_rows", "adv_rows"))
    dial, model, forward = experiment.method.dial, understudy.model, understudy.forward
    seats = (dial.seats(model, forward, batch.x, batch.place) for _ in range(64))
    drawn = [seat.victims.of for some in seats for seat in some]
    return clean + (spent - clean) / max(attacked, 1) * sum(drawn) / 64, spent


def passes_by_epoch(schedule: Schedule, epochs: int) -> list[int]:
    """Passes per batch of each epoch, if no statistics of the training let the adversary grow.

    >>> from robustdial.method.schedule import Constant, Warm
    >>> passes_by_epoch(Warm(0.5, Constant(8)), 4)
    [1, 1, 8, 8]
    """
    state, passes = schedule.init(), []
    for epoch in range(1, epochs + 1):
        passes.append(schedule.passes(state))
        state = schedule.after(state, {"progress": epoch / epochs})
    return passes
