"""What stands in the place of a live bar where there is no terminal: lines, for whoever reads the log."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.progress import TaskID

from robustdial.report.words import duration, percent
from robustdial.run import Experiment
from robustdial.training.engine import Step
from robustdial.typing import Json

MINUTE = 60.0


class Lines:
    """Things of one kind that get done: a line for each, or where they are many, one a minute and one at the end.

    It has the verbs of a live bar.
    """

    def __init__(self, where: Console, each: bool = False) -> None:
        self.where, self.each = where, each
        self.tasks: list[_Task] = []

    @property
    def task_ids(self) -> list[TaskID]:
        return [TaskID(number) for number in range(len(self.tasks))]

    def add_task(
        self, description: str, start: bool = True, total: float | None = None, completed: int = 0, note: str = ""
    ) -> TaskID:
        first = completed if start else math.inf
        self.tasks.append(_Task(description, total, completed, note, first, time.monotonic()))
        return TaskID(len(self.tasks) - 1)

    def __enter__(self) -> Lines:
        """Time counts from here."""
        for task in self.tasks:
            task.start()
        return self

    def __exit__(self, *error: object) -> None:
        """Nothing is left to tell: the last line has been told."""

    def start_task(self, task: TaskID) -> None:
        if self.tasks[task].first == math.inf:
            self.tasks[task].start()

    def advance(self, task: TaskID, advance: float = 1) -> None:
        self.update(task, completed=self.tasks[task].done + int(advance))

    def update(
        self,
        task: TaskID,
        *,
        total: float | None = None,
        completed: float | None = None,
        description: str | None = None,
        note: str | None = None,
    ) -> None:
        it = self.tasks[task]
        it.total = it.total if total is None else total
        it.description, it.note = description or it.description, it.note if note is None else note
        if completed is None or completed == it.done:
            return
        it.done, now = int(completed), time.monotonic()
        it.first = min(it.first, it.done)
        if self.each or it.done == it.total or now - it.told >= MINUTE:
            it.told = now
            self.where.print(it.line(now), soft_wrap=True)


@dataclass
class _Task:
    description: str
    total: float | None
    done: int
    note: str
    first: float
    """What was done when the time began to count; infinite before."""
    began: float
    told: float = 0.0

    def __post_init__(self) -> None:
        self.told = self.began

    def start(self) -> None:
        self.began = self.told = time.monotonic()

    def line(self, now: float) -> str:
        many = f" of {self.total:,.0f}" if self.total else ""
        note = f", {self.note}" if self.note else ""
        return f"{self.description}: {self.done:,}{many}{note}; {_times(now - self.began, self)}"


def _times(spent: float, task: _Task) -> str:
    left = (task.total or 0) - task.done
    told = f"{duration(spent)} so far"
    if left <= 0 or task.done <= task.first:
        return told
    return f"{told}, about {duration(spent / (task.done - task.first) * left)} left"


class EpochLines:
    """The log of a training: a line for each epoch, and one a minute within a long one."""

    def __init__(self, experiment: Experiment, where: Console) -> None:
        self.experiment, self.where, self.known = experiment, where, len(experiment.troubles)
        done = experiment.state.epoch * experiment.batches + experiment.state.batch
        self.task = _Task("", experiment.run.epochs * experiment.batches, done, "", done, time.monotonic())

    def __enter__(self) -> EpochLines:
        self.task.start()
        return self

    def __exit__(self, *error: object) -> None:
        """Every line has been told."""

    def show(self, step: Step) -> None:
        """A batch is done."""
        self.task.done, now = (step.epoch - 1) * step.batches + step.batch, time.monotonic()
        if step.summary is not None or now - self.task.told < MINUTE:
            return
        self.task.told, sums = now, self.experiment.state.sums
        loss = float(sums["loss"]) / float(sums["rows"])
        self._tell(f"{self._name(step.epoch)}, batch {step.batch:,} of {step.batches:,}: loss {loss:.3f}", now)

    def tell(self, troubles: Sequence[Json]) -> None:
        """Troubles that were not told yet."""
        for trouble in troubles[self.known :]:
            self.where.print(f"{trouble['trouble']} in epoch {trouble['epoch']}: {trouble['action']}", soft_wrap=True)
        self.known = len(troubles)

    def close(self, epoch: Json) -> None:
        """An epoch is done, and validated."""
        self.task.told = now = time.monotonic()
        seen = [f"{name} {percent(epoch[of])}" for of, name in _SEEN.items() if epoch.get(of) is not None]
        told = ", ".join([f"loss {epoch['loss']:.3f}", *seen])
        self._tell(f"{self._name(epoch['epoch'])}: {told}; validation {validation(epoch['val'])}", now)

    def _name(self, epoch: int) -> str:
        return f"epoch {epoch}/{self.experiment.run.epochs}"

    def _tell(self, what: str, now: float) -> None:
        self.where.print(f"{what}; {_times(now - self.task.began, self.task)}", soft_wrap=True)


_SEEN = {"clean": "clean", "adv": "adversarial"}
"""Accuracies on the images that were learned from."""


def validation(val: Sequence[Json]) -> str:
    """Clean and robust accuracy at the ends of the dial.

    >>> ends = [{"lam": 0.0, "clean": 0.9, "robust": None}, {"lam": 1.0, "clean": 0.8, "robust": 0.5}]
    >>> validation(ends).replace(chr(160), " ")
    'lambda 0 90.0 %, lambda 1 80.0 %/50.0 %'
    """
    return ", ".join(
        ("" if point["lam"] is None else f"lambda {point['lam']:g} ")
        + percent(point["clean"])
        + ("" if point["robust"] is None else f"/{percent(point['robust'])}")
        for point in val
    )
