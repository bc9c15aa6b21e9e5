"""The measured positions of a run as a table."""

from __future__ import annotations

from pathlib import Path
from shlex import quote

from robustdial.own_code import named
from robustdial.report import facts
from robustdial.report.folder import Entry, Folder, read
from robustdial.report.tables.base import Cell, Span, Table


def table(folder: Path) -> Table:
    """One row for each position that `robustdial frontier` has measured, the widest network first."""
    found = read(folder)
    if not found.points:
        raise ValueError(
            f"{folder} has no measured positions. Measure them first: robustdial frontier {quote(str(folder))}"
        )
    names = ("lambda", "width", "trained", "clean", "robust", "parameters", "macs", "latency (ms)")
    return Table(_told(found), names, [_row(point) for point in found.points])


def _row(point: Entry) -> tuple[Cell, ...]:
    accuracies = (Span(point[side], *(point.get(f"{side}_interval") or (None, None))) for side in ("clean", "robust"))
    trained = "yes" if point.get("trained", True) else "no"
    latency = None if point.get("latency") is None else 1000 * point["latency"]
    costs = (point.get("parameters"), point.get("macs"), latency)
    return (point["lam"], point["width"], trained, *accuracies, *costs)


def _told(found: Folder) -> str:
    of = f"{named(found.run['recipe'])} on {found.run['data']['name']}" if found.run else found.name
    told = [f"{of}.", facts.how(found.points[0]), "95 % Wilson intervals."]
    return " ".join([*told, *([f"Latency: {facts.timing(found.frontier)}."] if found.frontier.get("timing") else [])])
