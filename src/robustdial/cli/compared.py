"""What the terminal shows of a comparison."""

from __future__ import annotations

from rich.table import Table

from robustdial.cli.terminal import console
from robustdial.report.compare.folder import HEALTHY
from robustdial.report.compare.verdicts import said_of, shared_start
from robustdial.report.words import counted, interval, percent
from robustdial.typing import Json


def comparison_table(about: Json) -> Table:
    """The table of `compare.json`, best robust accuracy under the first attack first."""
    run = about["run"]
    title = f"{run['data']}, {run['model']}, {counted(run['epochs'], 'epoch')}; {about['interval']}"
    table = Table(title=title, title_justify="left")
    further = list(dict.fromkeys(name for row in about["rows"] for name in row["also"]))
    for name in ("method", "clean", *about["attacks"], *further, "passes", "seconds", "health"):
        table.add_column(name, justify="left" if name in ("method", "health") else "right", overflow="fold")
    first = about["attacks"][0]
    known, rows = "data" in about, about["rows"]
    spoken = said_of(rows, len(about["data"]["classes"]), about["n"]) if known else [[]] * len(rows)
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
