"""What the terminal shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from robustdial import record
from robustdial.cli.log_lines import EpochLines, Lines, validation
from robustdial.cli.terminal import console as console
from robustdial.cli.terminal import errors as errors
from robustdial.cli.terminal import stoppable as stoppable
from robustdial.evaluate import Accuracy, Advance, verdicts
from robustdial.own_code import named
from robustdial.report.compare.folder import HEALTHY
from robustdial.report.compare.verdicts import said_of, shared_start
from robustdial.report.words import amount, duration, interval, moment, percent, radius
from robustdial.run import Experiment
from robustdial.run.estimate import Cost
from robustdial.study.comparison import CompareStep, Comparison, stages
from robustdial.training.engine import Step
from robustdial.typing import Json


class TrainingBar:
    """A live bar over all batches of a run, with its epoch, its last validation and the time that is left."""

    def __init__(self, experiment: Experiment) -> None:
        self.epochs, self.batches = experiment.run.epochs, experiment.batches
        self.told = len(experiment.troubles)
        columns = (
            TextColumn("{task.description}", style="bold", markup=False),
            BarColumn(),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}", style="dim", markup=False),
        )
        self.bar = Progress(*columns, console=console)
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
    """A live bar over all epochs of a comparison, with the run at hand."""

    def __init__(self, comparison: Comparison) -> None:
        first = comparison.first.epochs if comparison.first else 0
        each = len(comparison.entries) * comparison.run.epochs + first
        self.bar = counting("comparing", comparison.seeds * each, each=True)
        self.folders = {
            (planned.entry.label, seed): Path(planned.run.out)
            for seed in comparison.all_seeds
            for stage in stages(comparison, seed)
            for planned in stage
        }
        done = [len(record.read_epochs(folder)) for folder in self.folders.values()]
        self.bar.update(self.bar.task_ids[0], completed=sum(done))

    def __enter__(self) -> ComparisonBar:
        self.bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.bar.stop()

    def show(self, turn: CompareStep) -> None:
        """A batch was learned, or a run was measured."""
        doing = "measured" if turn.epoch is None else f"epoch {turn.epoch}"
        if turn.closed and turn.epoch is not None:
            epoch = record.read_epochs(self.folders[turn.label, turn.seed])[-1]
            doing += f" (loss {epoch['loss']:.3f}, validation {validation(epoch['val'])})"
        self.bar.update(self.bar.task_ids[0], description=f"{turn.label}, seed {turn.seed}, {doing}")
        if turn.closed and turn.epoch is not None:
            self.bar.advance(self.bar.task_ids[0])
        elif turn.epoch is None and not console.is_terminal:
            console.print(f"{turn.label}, seed {turn.seed}: measured", soft_wrap=True)


def comparison_table(about: Json) -> Table:
    """The table of `compare.json`, best robust accuracy under the first attack first."""
    run = about["run"]
    title = f"{run['data']}, {run['model']}, {run['epochs']} epochs; {about['interval']}"
    table = Table(title=title, title_justify="left")
    further = list(dict.fromkeys(name for row in about["rows"] for name in row["also"]))
    for name in ("method", "clean", *about["attacks"], *further, "passes", "seconds", "health"):
        table.add_column(name, justify="left" if name in ("method", "health") else "right", overflow="fold")
    first = about["attacks"][0]
    spoken = said_of(about["rows"], len(about["data"]["classes"])) if "data" in about else [[]] * len(about["rows"])
    said = dict(zip((row["label"] for row in about["rows"]), spoken, strict=True))
    for row in sorted(about["rows"], key=lambda row: -(row["robust"][first] or {"mean": -1})["mean"]):
        accuracies = [row["clean"], *(row["robust"][attack] for attack in about["attacks"])]
        accuracies += [row["also"].get(name) for name in further]
        healths = said[row["label"]] + sorted(set(filter(None, row["health"])))
        healths = [words for words in healths if words != HEALTHY or len(healths) == 1]
        table.add_row(
            row["label"],
            *(_estimate(accuracy) for accuracy in accuracies),
            f"{row['passes']['mean']:.1f}" if row["passes"] else "",
            f"{row['seconds']['mean']:,.0f}" if row["seconds"] else "",
            "; ".join(healths),
        )
    return table


def print_comparison_notes(about: Json) -> None:
    """What the table of a comparison does not say by itself."""
    if told := shared_start(about):
        console.print(told, soft_wrap=True)


def _estimate(estimate: Json) -> str:
    if estimate is None:
        return "not yet"
    bounds = None if estimate["low"] is None else [estimate["low"], estimate["high"]]
    return f"{percent(estimate['mean'])} {interval(bounds)}"


_FEW = 50


def counting(description: str, total: int, where: Console = console, each: bool | None = None) -> Progress | Lines:
    """A bar for `total` things of the same kind; its one task has number 0.

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
    bar.add_task(description, total=total)
    return bar


def print_cost(cost: Cost, experiment: Experiment) -> None:
    """What the run is, and what it will cost."""
    about = experiment.about
    model, data = about["model"], about["data"]
    told = (
        f" on {data['name']}: {data['train']:,} images to train, "
        f"{data['val']:,} to choose the checkpoint, {data['test']:,} to test; "
        f"{named(model['name'])}, {model['parameters']:,} parameters; "
        f"{about['run']['precision']} on {about['run']['device']}"
    )
    console.print(Text.assemble((named(about["recipe"]), "bold"), told))
    grows = f"; at most {cost.growth:.1f} times that, as its adversary grows" if cost.growth > 1 else ""
    console.print(
        f"cost: {cost.images:,} images x {cost.passes / max(cost.images, 1):.1f} passes = {cost.passes:,} passes, "
        f"about {duration(cost.seconds)} ({cost.seconds / 3600:.2f} h) on this machine, validation included "
        f"({duration(cost.validation)}){grows}"
    )
    if "compiled" in about:
        found = about["compiled"]
        console.print(f"compile: {'yes' if found['yes'] else 'no'}, {found['why']}", markup=False, soft_wrap=True)


def print_notes(notes: Sequence[str], where: Console = console) -> None:
    """What was decided for the reader when the data was read, a line each."""
    for note in notes:
        where.print(f"data: {note}", markup=False, emoji=False, soft_wrap=True)


def print_verdicts(points: Sequence[Json], classes: int) -> None:
    """What a table of points of one network says in words: that it guesses, that its dial changes nothing."""
    for sentence in verdicts(points, classes):
        console.print(Text(sentence, style="bold red"), soft_wrap=True)


class StageBars:
    """A live bar for each stage of an evaluation: how many images it has tried, how long it will take."""

    def __init__(self, names: Sequence[str]) -> None:
        columns = (
            TextColumn("{task.description}", style="bold", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}", style="dim", markup=False),
        )
        self.bar: Progress | Lines = Progress(*columns, console=console) if console.is_terminal else Lines(console)
        self.tasks = [self.bar.add_task(name, start=False, total=None, note="") for name in names]

    def __enter__(self) -> StageBars:
        self.bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.bar.stop()

    def show(self, advance: Advance) -> None:
        """A batch is done."""
        task = self.tasks[advance.stage]
        self.bar.start_task(task)
        self.bar.update(task, completed=advance.done, total=advance.of, note=f"{advance.survivors} standing")


def print_union(score: Json) -> None:
    """An evaluation under several threats: each by itself, their average, and the images that stand under all."""
    console.print(Text.assemble((_subject(score), "bold"), f"; {score['attack']}, n = {score['n']:,}"))
    table = Table()
    for name in ("under", "accuracy", "95 %"):
        table.add_column(name, justify="left" if name == "under" else "right", overflow="fold")
    for row in score["norms"]:
        table.add_row(row["threat"], percent(row["robust"]), interval(row["robust_interval"]))
    table.add_row("their average", percent(score["average"]), "")
    table.add_row("all at once (union)", percent(score["robust"]), interval(score["robust_interval"]))
    console.print(table)


def _subject(score: Json) -> str:
    at = "" if score["lam"] is None else f", lambda {score['lam']:g}, width {score['width']:g}"
    return f"{score['model']}{at}"


def print_score(score: Json) -> None:
    """An evaluation, stage after stage; the last row is its robust accuracy."""
    threat = f"{score['threat_model']} {radius(score['threat_model'], score['radius'])}".rstrip()
    console.print(Text.assemble((_subject(score), "bold"), f"; {threat}, n = {score['n']:,}"))
    table = Table()
    for name in ("after", "standing", "accuracy", "95 %", "seconds"):
        table.add_column(name, justify="left" if name == "after" else "right", overflow="fold")
    for row in score["standing"]:
        accuracy = Accuracy(row["standing"], score["n"])
        bounds = interval(list(accuracy.interval))
        table.add_row(row["attack"], f"{row['standing']:,}", percent(accuracy.value), bounds, f"{row['seconds']:,.1f}")
    console.print(table)
    console.print(_bound(score))


def print_checks(checks: Sequence[Json]) -> None:
    """Raised checks with what to do; the number of the others."""
    states = Counter(check["state"] for check in checks)
    console.print(f"checks: {states['passed']} passed, {states['raised']} raised, {states['skipped']} skipped")
    for check in checks:
        if check["state"] == "raised":
            told = f": {check['seen']} {check['meaning']} {check['remedy']}"
            console.print(Text.assemble((check["id"], "bold red"), told))


def rows_table(title: str, rows: Sequence[Json]) -> Table:
    """Measured rows: what tells them apart, then the robust accuracy with its 95 % interval."""
    names = [name for name in rows[0] if name not in ("robust", "robust_interval", "n", "radius")]
    table = Table(title=f"{title}, n = {rows[0]['n']:,}", title_justify="left")
    for name in (*names, "robust", "95 %"):
        table.add_column(name, justify="left" if name in names else "right", overflow="fold")
    for row in rows:
        table.add_row(*(str(row[name]) for name in names), percent(row["robust"]), interval(row["robust_interval"]))
    return table


def corruptions_table(rows: Sequence[Json]) -> Table:
    """Accuracy by kind of corruption and level."""
    levels, kinds = sorted({row["level"] for row in rows}), dict.fromkeys(row["kind"] for row in rows)
    table = Table(title=f"accuracy under corruption, by level, n = {rows[0]['n']:,}", title_justify="left")
    for name in ("kind", *map(str, levels)):
        table.add_column(name, justify="left" if name == "kind" else "right")
    for kind in kinds:
        by_level = {row["level"]: row["accuracy"] for row in rows if row["kind"] == kind}
        table.add_row(kind, *(percent(by_level[level]) for level in levels))
    return table


def _bound(score: Json) -> str:
    gap = score.get("gap")
    if gap is None:
        return "An attack gives an upper bound: a stronger one may leave less."
    told = f"An upper bound by {score['attack']}: {gap['attack']} broke {gap['broken']} of {gap['sample']} that it left"
    return told + (
        f", so that about {percent(gap['robust'])} ({interval(gap['interval'])}) stand." if gap["sample"] else "."
    )


def points_table(points: Sequence[Json], title: str) -> Table:
    """Measured points under the same attack: lambda and width, accuracies with 95 % intervals, the cost if known."""
    first = points[0]
    costs = ("MACs", "latency") if "macs" in first else ()
    table = Table(title=f"{title}; {first['attack'].upper()}, n = {first['n']:,}", title_justify="left")
    for name in ("lambda", "width", "clean", "95 %", "robust", "95 %", *costs):
        table.add_column(name, justify="right", no_wrap=True)
    for point in points:
        table.add_row(
            dial_name(point["lam"]) + ("" if point["trained"] else " *"),
            f"{point['width']:g}",
            percent(point["clean"]),
            interval(point["clean_interval"]),
            percent(point["robust"]),
            interval(point["robust_interval"]),
            *((amount(point["macs"]), moment(point["latency"])) if costs else ()),
        )
    if not all(point["trained"] for point in points):
        table.caption, table.caption_justify = "* not trained itself", "left"
    return table


def point_in_words(point: Json) -> str:
    """A measured point on one line."""
    told = f"lambda {dial_name(point['lam'])}, width {point['width']:g}"
    return f"{told}: clean {percent(point['clean'])}, robust {percent(point['robust'])}"


def dial_name(lam: float | None) -> str:
    """
    >>> dial_name(0.1), dial_name(None)
    ('0.1', 'fixed')
    """
    return "fixed" if lam is None else f"{lam:.4g}"
