"""What the terminal shows of measured positions of a dial."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from robustdial.cli.terminal import console
from robustdial.evaluate import verdicts
from robustdial.report.words import amount, interval, moment, percent
from robustdial.typing import Json


def points_table(points: Sequence[Json], title: str) -> Table:
    """Measured points under the same attack: lambda, the width if not all are full, accuracies with 95 % intervals, the
    cost if known."""
    first = points[0]
    costs = ("MACs", "latency") if "macs" in first else ()
    table = Table(title=f"{title}; {first['attack'].upper()}, n = {first['n']:,}", title_justify="left")
    width = ("width",) if any(point["width"] != 1 for point in points) else ()
    for name in ("lambda", *width, "clean", "95 %", "robust", "95 %", *costs):
        table.add_column(name, justify="right", no_wrap=True)
    for point in points:
        table.add_row(
            dial_name(point["lam"]) + ("" if point["trained"] else " *"),
            *((f"{point['width']:g}",) if width else ()),
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


def print_verdicts(points: Sequence[Json], classes: int) -> None:
    """What a table of points of one network says in words: that it guesses, that its dial may change nothing."""
    for sentence in verdicts(points, classes):
        console.print(Text(sentence, style="bold red"), soft_wrap=True)
