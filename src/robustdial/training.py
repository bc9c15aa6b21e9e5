"""Carrying out a run: train, validate, choose, save. The loop yields every batch; showing it is the caller's."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator
from typing import NamedTuple

import torch

from robustdial import record
from robustdial.data import augmented, balanced, unit
from robustdial.dial import Dials
from robustdial.evaluate import PGDAttack, clean_accuracy, measure
from robustdial.health import RETURNS, Signals, Trouble, diagnose, look, probe_size, relieved
from robustdial.precision import Prepared
from robustdial.randomness import seeded
from robustdial.run import Experiment
from robustdial.train import Step, optimizer_for, steps, train_batch
from robustdial.typing import Json

VALIDATION = 512
"""Images of the validation part that are used: enough to rank checkpoints, few enough to cost little."""

ATTACK = PGDAttack(10)


def carry_out(experiment: Experiment) -> Iterator[Step]:
    """Train to the end, yielding every batch.

    Each epoch is validated, looked at for trouble, and written; the state is saved at every epoch and every
    `save_every` seconds. After any yield the caller may save and stop. With `on_trouble="stop"` the training ends where
    it fails; with "rollback" it goes on from its last healthy epoch. `experiment.troubles` tells what happened.
    """
    going = True
    if experiment.run.on_trouble == "rollback" and not (experiment.folder / record.HEALTHY).exists():
        experiment.save(record.HEALTHY)
    while going and not experiment.finished:
        going = False
        try:
            yield from _epochs(experiment)
        except _Failed as failed:
            going = _taken_back(experiment, failed.trouble, experiment.state.epoch)
        except FloatingPointError:
            if experiment.run.on_trouble != "rollback":
                raise
            going = _taken_back(experiment, Trouble.NOT_FINITE, experiment.state.epoch + 1)


class _Failed(Exception):
    def __init__(self, trouble: Trouble) -> None:
        super().__init__(trouble)
        self.trouble = trouble


def _epochs(experiment: Experiment) -> Iterator[Step]:
    """Train until the end or the first trouble that the user does not want to live with; raises `_Failed` there."""
    run, saved = experiment.run, time.monotonic()
    for step in steps(experiment.state, experiment.data, experiment.method, epochs=run.epochs, batch=run.batch):
        trouble = None if step.summary is None else _close(experiment, step.summary)
        if step.summary is not None or time.monotonic() - saved > run.save_every:
            experiment.save()
            saved = time.monotonic()
        yield step
        if trouble is not None and run.on_trouble != "warn":
            raise _Failed(trouble)


def _close(experiment: Experiment, summary: dict[str, Json]) -> Trouble | None:
    """Validate and write an epoch; what is wrong with it."""
    val, folder = validate(experiment), experiment.folder
    epoch = summary | {"val": val, "score": score_of(val), "health": signals(experiment)._asdict()}
    before = record.read_epochs(folder)
    trouble = diagnose([*before, epoch], len(experiment.data.classes))
    record.append_epoch(folder, epoch | {"trouble": trouble})
    experiment.save_best(epoch["score"], val)
    if trouble is None and experiment.run.on_trouble == "rollback":
        experiment.save(record.HEALTHY)
    if trouble is not None and experiment.run.on_trouble == "warn" and trouble != (before or [{}])[-1].get("trouble"):
        experiment.note({"epoch": summary["epoch"], "trouble": trouble, "action": "going on"})
    return trouble


def _taken_back(experiment: Experiment, trouble: Trouble, epoch: int) -> bool:
    """Note the trouble of an epoch, and go back to the last healthy state if that is wanted and can still help."""
    state = experiment.state
    note: dict[str, Json] = {"epoch": epoch, "trouble": trouble}
    if experiment.run.on_trouble == "stop":
        experiment.note(note | {"action": "stopped"})
        return False
    if state.relief.returns == RETURNS:
        experiment.note(note | {"action": f"stopped: went back {RETURNS} times already"})
        return False
    state.relief = relief = relieved(state.relief, trouble)
    epochs = record.read_epochs(experiment.folder)
    experiment.go_back()
    experiment.save()
    note["seconds_lost"] = sum(epoch["seconds"] for epoch in epochs[state.epoch :])
    means = [f"{relief.passes} more pass{'es' * (relief.passes > 1)} per batch"] * bool(relief.passes)
    means += [f"{relief.lr:g} of the learning rate"] * (relief.lr < 1)
    experiment.note(note | {"action": f"back to the end of epoch {state.epoch}, with {' and '.join(means)}"})
    return True


def signals(experiment: Experiment) -> Signals:
    """What is seen of the network on a few held-out images, at the robust end of its dial.

    Training is not disturbed: the random numbers are put back.
    """
    val = experiment.data.val
    chosen = balanced(val.labels, probe_size(len(experiment.data.train)), torch.Generator().manual_seed(1))
    with seeded(experiment.run.seed, experiment.state.device):
        f = experiment.at(ends(experiment)[-1], experiment.about["run"]["precision"])
        x, y = next(val.batches([chosen]))
        return look(f, unit(x), y, experiment.method.threat)


def validate(experiment: Experiment) -> list[dict[str, Json]]:
    """Accuracies on the held-out part at both ends of the dial, in the precision of the training.

    Training is not disturbed: the random numbers are put back.
    """
    val = experiment.data.val
    source = val.subset(balanced(val.labels, VALIDATION, torch.Generator().manual_seed(0)))
    precision = experiment.about["run"]["precision"]
    results: list[dict[str, Json]] = []
    with seeded(experiment.run.seed, experiment.state.device):
        for lam in ends(experiment):
            f = experiment.at(lam, precision)
            if lam == 0:  # nobody serves lambda = 0 for its robustness
                results.append({"lam": lam, "clean": clean_accuracy(f, source).value, "robust": None})
                continue
            clean, robust = measure(f, source, ATTACK, experiment.method.threat)
            results.append({"lam": lam, "clean": clean.value, "robust": robust.value})
    return results


def ends(experiment: Experiment) -> tuple[float | None, ...]:
    """The ends of the dial; (None,) where there is none."""
    dial = experiment.method.dial
    return tuple(sorted({dial.lambdas[0], dial.lambdas[-1]})) if isinstance(dial, Dials) else (None,)


def score_of(val: list[dict[str, Json]]) -> float:
    """What the best checkpoint is best at: (1 - lambda) clean + lambda robust, averaged over the ends of the dial.

    >>> score_of([{"lam": 0.0, "clean": 0.9, "robust": None}, {"lam": 1.0, "clean": 0.8, "robust": 0.5}])
    0.7
    """
    worth = []
    for point in val:
        lam = 1.0 if point["lam"] is None else point["lam"]
        worth.append((1 - lam) * point["clean"] + lam * (point["robust"] or 0.0))
    return float(sum(worth) / len(worth))


class Cost(NamedTuple):
    """What a run will cost from here on.

    Attributes:
        images: images to be learned from.
        passes: forward-backward passes over images, in all.
        seconds: on this machine, validation left out.
        growth: how many times that it may become if the schedule goes up to its most.
    """

    images: int
    passes: int
    seconds: float
    growth: float


def estimate(experiment: Experiment) -> Cost:
    """Estimate the rest of the run by timing one batch, after one that is not counted, on a copy of the network.

    The passes are those of the epoch at hand; the time to compile is not foreseen.
    """
    state, schedule = experiment.state, experiment.method.schedule
    if experiment.finished:
        return Cost(0, 0, 0.0, 1.0)
    passes = schedule.passes(state.schedule if state.epoch or state.batch else schedule.init()) + state.relief.passes
    batches = experiment.batches * (experiment.run.epochs - state.epoch) - state.batch
    images = batches * min(experiment.run.batch, len(experiment.data.train))
    with seeded(0, state.device):
        passes_per_batch, seconds = _trial(experiment, passes)
    growth = max(1.0, schedule.most / passes)
    return Cost(images, round(batches * passes_per_batch), batches * seconds, growth)


def _trial(experiment: Experiment, passes: int) -> tuple[float, float]:
    """Passes over images, and seconds, of a batch."""
    data, method, learner = experiment.data, experiment.method, experiment.state.learner
    model = copy.deepcopy(experiment.state.model).train()
    optimizer = optimizer_for(model, lr=0.0)
    forward = Prepared(model, experiment.about["run"]["precision"])
    order = [torch.arange(min(experiment.run.batch, len(data.train)))] * 2
    sums, seconds = {}, 0.0
    for index, (x, y) in zip(order, data.train.batches(order), strict=True):
        clock = time.perf_counter()
        images, place = augmented(data, index, x)
        sums = train_batch(model, images, y, method, passes, optimizer, [], forward, learner, place)
        float(sums["loss"])  # waits for an accelerator
        seconds = time.perf_counter() - clock
    # passes over clean images are the same for every batch; who is attacked is drawn anew for each
    spent, clean, attacked = (float(sums.get(name, 0)) for name in ("spent", "clean_rows", "adv_rows"))
    drawn = [len(x) - seat.first for _ in range(64) for seat in method.dial.seats(model, forward, x)]
    typical = clean + (spent - clean) / max(attacked, 1) * sum(drawn) / 64
    return typical, seconds * typical / spent
