"""The Pareto picture: robust accuracy against what it costs, and the most that is reached for it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from typing import Any

import plotly.graph_objects as go

from robustdial.report.compare.axes import around, logarithmic
from robustdial.report.compare.folder import Comparison, Measured, Row
from robustdial.report.compare.front import front
from robustdial.report.curves import BAR, BETWEEN, dressed
from robustdial.report.labels import Box, Label, freest, legible, places, short
from robustdial.report.thin import NAMED
from robustdial.report.words import interval, percent

KINDS = {
    "on the front": {"symbol": "circle", "color": BETWEEN},
    "not on the front": {"symbol": "circle-open", "color": BAR},
    "not healthy": {"symbol": "x", "color": "#d8483a"},
    "unfinished": {"symbol": "diamond-open", "color": BAR},
}


@dataclass(frozen=True)
class Point:
    """A method in the picture: cost `x`, percentage `y`, and whether it is on the front."""

    row: Row
    cost: Measured
    x: float
    y: float
    best: bool

    @property
    def kind(self) -> str:
        """Which of the markers it gets: what a reader must know first comes first."""
        if not self.row.complete:
            return "unfinished"
        if not self.row.sound:
            return "not healthy"
        return "on the front" if self.best else "not on the front"


@dataclass(frozen=True)
class Frame:
    """The ends of the axes.

    Args:
        x: decimal logarithms of the smallest and the largest cost shown.
        y: smallest and largest percentage shown.
    """

    x: tuple[float, float]
    y: tuple[float, float]

    def share(self, x: float, y: float) -> tuple[float, float]:
        """Where a cost and a percentage lie, in shares of the plot's width and height."""
        across = (math.log10(x) - self.x[0]) / (self.x[1] - self.x[0])
        return across, (y - self.y[0]) / (self.y[1] - self.y[0])


def pareto(comparison: Comparison, costs: Sequence[Measured], unit: str) -> go.Figure:
    """Accuracy in percent under the worst attack against cost, with bars both ways, names, and the most as steps.

    Args:
        comparison: the methods.
        costs: what each costs, in the order of its rows; a method without cost or accuracy is not drawn.
        unit: title of the axis of costs.
    """
    figure, points = go.Figure(), _points(comparison, costs)
    if not points:
        return figure
    frame, corners = _frame(points), _corners(_most(points))
    names = _places(points, corners, frame)
    _steps(figure, corners, frame)
    _dials(figure, points)
    for kind in KINDS:
        members = [(point, name) for point, name in zip(points, names, strict=True) if point.kind == kind]
        if members:
            _markers(figure, kind, members)
    dressed(figure, unit, "robust accuracy", " %", logarithmic(frame.x), {"range": frame.y})
    figure.layout.showlegend = True
    return figure


def _points(comparison: Comparison, costs: Sequence[Measured]) -> list[Point]:
    every = zip(comparison.rows, costs, comparison.on_front(costs), strict=True)
    return [
        Point(row, cost, cost.mean, 100 * row.worst.mean, best)
        for row, cost, best in every
        if cost.mean is not None and cost.mean > 0 and row.worst.mean is not None
    ]


def _most(points: Sequence[Point]) -> list[tuple[float, float]]:
    """Cost and percentage of the finished methods that are the most robust for what they cost."""
    finished = [(point.x, point.y) for point in points if point.row.complete]
    return [place for place, best in zip(finished, front(finished), strict=True) if best]


def _frame(points: Sequence[Point]) -> Frame:
    heights = [y for point in points for y in (point.y, *_heights(point))]
    room = max(1.0, 0.08 * (max(heights) - min(heights)))
    return Frame(around([point.x for point in points]), (min(heights) - room, max(heights) + room))


def _corners(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The most is level until its next point, then goes straight up to it, for nothing lies between them.

    >>> _corners([(1, 30), (4, 50)])
    [(1, 30), (4, 30), (4, 50)]
    """
    ordered = sorted(points)
    bends = [(after[0], before[1]) for before, after in pairwise(ordered)]
    return sorted({*ordered, *bends})


def _places(points: Sequence[Point], corners: Sequence[tuple[float, float]], frame: Frame) -> list[str]:
    """Positions of the names that leave the steps and the upright bars visible; empty for a point without its name."""
    named = _named(points, frame)
    labels = [Label(short(point.row.method), *frame.share(point.x, point.y)) for point in named]
    steps = [_box(frame.share(*a), frame.share(*b)) for a, b in pairwise(corners)]
    bars = [
        _box(*(frame.share(point.x, y) for y in (min(ends), max(ends))))
        for point in points
        if (ends := _heights(point))
    ]
    found = places(labels, [*steps, *bars])
    read = zip(named, found, legible(labels, found), strict=True)
    shown = {id(point): place for point, place, clear in read if clear}
    return [shown.get(id(point), "") for point in points]


def _named(points: Sequence[Point], frame: Frame) -> list[Point]:
    """The points with a name, of many: one of each method, where it has room.

    Those of the front come first, then dials, then the most robust.
    """
    curves: dict[str, list[Point]] = {}
    for point in sorted(points, key=lambda point: -point.y):
        curves.setdefault(point.row.method, []).append(point)
    spots = {name: [frame.share(point.x, point.y) for point in curve] for name, curve in curves.items()}
    chosen = [curve[_freest(name, spots)] for name, curve in curves.items()]
    won = {point.row.method for point in points if point.best}
    return sorted(chosen, key=lambda p: (p.row.method not in won, p.row.lam is None, -p.y))[:NAMED]


def _freest(name: str, spots: Mapping[str, Sequence[tuple[float, float]]]) -> int:
    return freest(spots[name], [spot for other, curve in spots.items() if other != name for spot in curve])


def _dials(figure: go.Figure, points: Sequence[Point]) -> None:
    """The positions of each dial, joined along lambda: they are one network."""
    curves: dict[str, list[Point]] = {}
    for point in points:
        if point.row.lam is not None:
            curves.setdefault(point.row.method, []).append(point)
    for curve in curves.values():
        along = sorted(curve, key=lambda point: point.row.lam or 0.0)
        x, y = [point.x for point in along], [point.y for point in along]
        stroke = {"color": BAR, "width": 3}
        figure.add_scatter(x=x, y=y, mode="lines", line=stroke, hoverinfo="skip", showlegend=False)


def _box(a: tuple[float, float], b: tuple[float, float]) -> Box:
    return min(a[0], b[0]), min(a[1], b[1]), max(a[0], b[0]), max(a[1], b[1])


def _heights(point: Point) -> list[float]:
    return [100 * end for end in point.row.worst.ends or []]


def _steps(figure: go.Figure, corners: Sequence[tuple[float, float]], frame: Frame) -> None:
    if not corners:
        return
    # Beyond the last point more cost buys nothing, so the steps go on level to the edge.
    x, y = zip(*corners, (10 ** frame.x[1], corners[-1][1]), strict=True)
    stroke = {"color": BETWEEN, "width": 1.5, "dash": "dot"}
    figure.add_scatter(x=x, y=y, mode="lines", name="the most", line=stroke, hoverinfo="skip", showlegend=False)


def _markers(figure: go.Figure, kind: str, members: Sequence[tuple[Point, str]]) -> None:
    marker, points = KINDS[kind], [point for point, _ in members]
    figure.add_scatter(
        x=[point.x for point in points],
        y=[point.y for point in points],
        error_x=_bars([point.cost for point in points], 1),
        error_y=_bars([point.row.worst for point in points], 100),
        mode="markers+text",
        name=kind,
        text=[escape(short(point.row.method)) if position else "" for point, position in members],
        textposition=[position or "top right" for _, position in members],
        marker=marker | {"size": 11, "line": {"width": 2, "color": marker["color"]}},
        cliponaxis=False,
        hovertext=[_told(point.row) for point in points],
        hovertemplate="%{hovertext}<extra></extra>",
    )


def _bars(values: Sequence[Measured], scale: float) -> dict[str, Any]:
    ends = [(one.mean or 0.0, *(one.ends or (one.mean or 0.0, one.mean or 0.0))) for one in values]
    up = [scale * (high - at) for at, _, high in ends]
    down = [scale * (at - low) for at, low, _ in ends]
    return {"type": "data", "array": up, "arrayminus": down, "color": BAR, "thickness": 1, "width": 3}


def _told(row: Row) -> str:
    accuracies = {"clean": row.clean} | row.robust
    lines = [f"{escape(name)} {percent(one.mean)} {interval(one.ends)}" for name, one in accuracies.items()]
    ills = [f"seed {seed}: {escape(said)}" for seed, said in row.ills]
    return "<br>".join([f"<b>{escape(row.label)}</b>", *lines, *ills, *row.said])
