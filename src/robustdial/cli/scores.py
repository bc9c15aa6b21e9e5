"""What the terminal shows of an evaluation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from robustdial.cli.terminal import console
from robustdial.evaluate import Accuracy
from robustdial.report.words import interval, percent, radius
from robustdial.typing import Json


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
