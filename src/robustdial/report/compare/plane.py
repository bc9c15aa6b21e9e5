"""The trade-off of every method: robust against clean accuracy, the positions of a dial joined by a line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from itertools import pairwise

import plotly.graph_objects as go

from robustdial.report.compare.curves import DASHES, Key, keys
from robustdial.report.compare.folder import Comparison, Row
from robustdial.report.curves import dressed
from robustdial.report.labels import Label, freest, legible, places, short
from robustdial.report.thin import NAMED
from robustdial.report.words import percent


def plane(comparison: Comparison) -> go.Figure:
    """Accuracy in percent under the worst attack against clean accuracy; a dial is one line with one name."""
    figure, curves = go.Figure(), _curves(comparison)
    names = _names([rows for _, rows in curves])
    for (key, rows), name in zip(curves, names, strict=True):
        _line(figure, key, rows, name)
    dressed(figure, "clean accuracy", "robust accuracy", " %", across={"ticksuffix": " %"})
    figure.layout.showlegend = False
    return figure


def _curves(comparison: Comparison) -> list[tuple[Key, list[Row]]]:
    """The measured rows of each method, along lambda; methods without any are left out."""
    found = []
    for key in keys(comparison.methods):
        rows = [row for row in comparison.rows if row.method == key.label]
        known = [row for row in rows if None not in (row.clean.mean, row.worst.mean)]
        if known:
            found.append((key, sorted(known, key=lambda row: row.lam or 0.0)))
    return found


def _names(curves: Sequence[Sequence[Row]]) -> list[tuple[int, str]]:
    """For each curve the number of the point that has its name, and where it stands; nowhere if it cannot be read."""
    if not curves:
        return []
    frame = _frame([row for rows in curves for row in rows])
    spots = [[frame(row) for row in rows] for rows in curves]
    free = [freest(spot, [one for other in spots if other is not spot for one in other]) for spot in spots]
    # a dial is named before the single points: they crowd where it has no choice
    order = sorted(range(len(curves)), key=lambda i: (len(spots[i]) == 1, i))[:NAMED]
    labels = [Label(short(curves[i][free[i]].method), *spots[i][free[i]]) for i in order]
    lines = [_along(a, b, way / 8) for spot in spots for a, b in pairwise(spot) for way in range(1, 8)]
    found = places(labels, [(x, y, x, y) for x, y in (*lines, *(place for spot in spots for place in spot))])
    shown = {i: place for i, place, clear in zip(order, found, legible(labels, found), strict=True) if clear}
    return [(free[i], shown.get(i, "")) for i in range(len(curves))]


def _along(a: tuple[float, float], b: tuple[float, float], way: float) -> tuple[float, float]:
    return a[0] + way * (b[0] - a[0]), a[1] + way * (b[1] - a[1])


def _frame(rows: Sequence[Row]) -> Callable[[Row], tuple[float, float]]:
    """Where a row stands in the plot, in shares of its width and height."""
    room = 0.06  # that plotly leaves at each end
    sides = [[row.clean.mean or 0.0 for row in rows], [row.worst.mean or 0.0 for row in rows]]
    ends = [(min(values), (max(values) - min(values)) or 1.0) for values in sides]

    def place(row: Row) -> tuple[float, float]:
        at = (row.clean.mean or 0.0, row.worst.mean or 0.0)
        x, y = (room + (1 - 2 * room) * (value - low) / span for value, (low, span) in zip(at, ends, strict=True))
        return x, y

    return place


def _line(figure: go.Figure, key: Key, rows: Sequence[Row], name: tuple[int, str]) -> None:
    top, place = name
    figure.add_scatter(
        x=[100 * (row.clean.mean or 0.0) for row in rows],
        y=[100 * (row.worst.mean or 0.0) for row in rows],
        mode="lines+markers+text",
        name=escape(key.label),
        text=[escape(short(key.label)) if place and i == top else "" for i in range(len(rows))],
        textposition=place or "top right",
        textfont={"color": key.colour},
        cliponaxis=False,
        line={"color": key.colour, "width": 1.5, "dash": DASHES[key.dash]},
        marker={"size": 9},
        hovertext=[
            f"{escape(row.label)}: {percent(row.clean.mean)} clean, {percent(row.worst.mean)} robust" for row in rows
        ],
        hovertemplate="%{hovertext}<extra></extra>",
    )
