"""What is drawn while work goes on: live bars, or lines where there is no terminal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from robustdial import record
from robustdial.cli.log_lines import EpochLines, Lines, validation
from robustdial.cli.terminal import console
from robustdial.evaluate import Advance
from robustdial.run import Experiment
from robustdial.study.comparison import CompareStep, Comparison, stages
from robustdial.training.engine import Step
from robustdial.typing import Json


def _columns(done: ProgressColumn) -> tuple[ProgressColumn, ...]:
    return (
        TextColumn("{task.description}", style="bold", markup=False),
        BarColumn(),
        done,
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}", style="dim", markup=False),
    )


class TrainingBar:
    """A live bar over all batches of a run, with its epoch, its last validation and the time that is left."""

    def __init__(self, experiment: Experiment) -> None:
        self.epochs, self.batches = experiment.run.epochs, experiment.batches
        self.told = len(experiment.troubles)
        self.bar = Progress(*_columns(TaskProgressColumn()), console=console)
        done = experiment.state.epoch * self.batches + experiment.state.batch
        self.task = self.bar.add_task("training", total=self.epochs * self.batches, completed=done, note="")

    def __enter__(self) -> TrainingBar:
        self.bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.bar.stop()

    def show(self, step: Step) -> None:
        """A batch is done."""
        done = (step.epoch - 1) * self.batches + step.batch
        self.bar.update(self.task, completed=done, description=f"epoch {step.epoch}/{self.epochs}")

    def tell(self, troubles: Sequence[Json]) -> None:
        """Troubles that were not told yet, each on a line of its own above the bar."""
        for trouble in troubles[self.told :]:
            told = f" in epoch {trouble['epoch']}: {trouble['action']}"
            console.print(Text.assemble((trouble["trouble"], "bold red"), told))
        self.told = len(troubles)

    def close(self, epoch: Json) -> None:
        """An epoch is done, and validated."""
        self.bar.update(self.task, note=f"validation {validation(epoch['val'])}")


def training_shown(experiment: Experiment) -> TrainingBar | EpochLines:
    """What shows a training: a live bar, or lines where there is no terminal."""
    return TrainingBar(experiment) if console.is_terminal else EpochLines(experiment, console)


class ComparisonBar:
    """A live bar over all epochs of a comparison, with the run at hand; shown inside of `bar`."""

    def __init__(self, comparison: Comparison) -> None:
        first = comparison.first.epochs if comparison.first else 0
        each = len(comparison.entries) * comparison.run.epochs + first
        self.folders = {
            (planned.entry.label, seed): Path(planned.run.out)
            for seed in comparison.all_seeds
            for stage in stages(comparison, seed)
            for planned in stage
        }
        done = sum(len(record.read_epochs(folder)) for folder in self.folders.values())
        self.bar = counting("comparing", comparison.seeds * each, each=True, done=done)
        self.told: tuple[str, int] | None = None

    def show(self, turn: CompareStep) -> None:
        """A batch was learned, or a run was measured."""
        doing = "measured" if turn.epoch is None else f"epoch {turn.epoch}"
        if turn.closed and turn.epoch is not None:
            epoch = record.read_epochs(self.folders[turn.label, turn.seed])[-1]
            doing += f" (loss {epoch['loss']:.3f}, validation {validation(epoch['val'])})"
        self.bar.update(self.bar.task_ids[0], description=f"{turn.label}, seed {turn.seed}, {doing}")
        if turn.closed and turn.epoch is not None:
            self.bar.advance(self.bar.task_ids[0])
        elif turn.epoch is None and not console.is_terminal and (turn.label, turn.seed) != self.told:
            self.told = turn.label, turn.seed  # a dial is measured at many positions
            console.print(f"{turn.label}, seed {turn.seed}: measuring", soft_wrap=True)


_FEW = 50


def counting(
    description: str, total: int, where: Console = console, each: bool | None = None, done: int = 0
) -> Progress | Lines:
    """A bar for `total` things of the same kind, of which some are `done`; its one task has number 0.

    Without a terminal, lines: for `each` of them, by default where they are few.
    """
    bar: Progress | Lines
    if where.is_terminal:
        bar = Progress(
            TextColumn("{task.description}", style="bold", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=where,
        )
    else:
        bar = Lines(where, total <= _FEW if each is None else each)
    bar.add_task(description, total=total, completed=done)
    return bar


class StageBars:
    """A live bar for each stage of an evaluation: how many images it has tried, how long it will take.

    They are shown inside of `bar`.
    """

    def __init__(self, names: Sequence[str]) -> None:
        live = console.is_terminal
        self.bar = Progress(*_columns(MofNCompleteColumn()), console=console) if live else Lines(console)
        self.tasks = [self.bar.add_task(name, start=False, total=None, note="") for name in names]

    def show(self, advance: Advance) -> None:
        """A batch is done."""
        task = self.tasks[advance.stage]
        self.bar.start_task(task)
        self.bar.update(task, completed=advance.done, total=advance.of, note=f"{advance.survivors} standing")
