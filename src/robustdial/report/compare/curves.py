"""The curves of a comparison: how each method's training went, as a mean over its seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

import plotly.graph_objects as go

from robustdial.report.compare.axes import around, logarithmic
from robustdial.report.compare.folder import Row
from robustdial.report.curves import BETWEEN, CLEAN, FROM_ZERO, NOTHING, ROBUST, Look, Plot, by_epoch, line
from robustdial.report.thin import EPOCHS, METHODS, evenly

COLOURS = (CLEAN, ROBUST, "#3f9a6b", BETWEEN, "#b8892b", "#2fa3a8", "#c75a94", "#7a8794", "#9a6a44", "#6f8f2f")
DASHES = {"solid": "solid", "dashed": "dash", "dotted": "dot"}  # as a style sheet calls them, and as plotly does


@dataclass(frozen=True)
class Key:
    """How a method is drawn: `colour`, and `dash` as a style sheet calls it."""

    label: str
    colour: str
    dash: str


def keys(rows: Sequence[Row]) -> list[Key]:
    """A colour and a dash for each method; ten colours, then the same ones dashed, then dotted."""
    count, dashes = len(COLOURS), list(DASHES)
    return [Key(row.label, COLOURS[i % count], dashes[i // count % len(dashes)]) for i, row in enumerate(rows)]


def training(rows: Sequence[Row]) -> list[Plot]:
    """The curves of all methods as (id, title, figure), each a mean over seeds; an unrecorded quantity has none."""
    rows = rows[:METHODS]
    gradient = _lines(rows, "gradient")
    ends = [value for curve in gradient.data for value in curve.y if value > 0]
    if ends:
        gradient.update_yaxes(**logarithmic(around(ends)))
    plots = [
        ("passes", "Passes per batch", _lines(rows, "passes", upright=FROM_ZERO)),
        ("gradient", "Input gradient", gradient),
        ("val-clean", "Validation, clean", _lines(rows, "clean", 100, " %")),
        ("val-robust", "Validation, robust", _lines(rows, "robust", 100, " %")),
    ]
    return [plot for plot in plots if len(plot[2].data)]


def _lines(
    rows: Sequence[Row], quantity: str, scale: float = 1, suffix: str = "", upright: Look = NOTHING
) -> go.Figure:
    figure, longest = go.Figure(), 0
    for row, key in zip(rows, keys(rows), strict=True):
        means = _means(row, quantity)
        y = [scale * mean for mean in means.values()]
        line(figure, list(means), y, row.label, key.colour, suffix, DASHES[key.dash])
        longest = max(longest, *means, 0)
    by_epoch(figure, longest, suffix, upright)
    figure.layout.showlegend = False  # one key serves all plots
    return figure


def _means(row: Row, quantity: str) -> dict[int, float]:
    """The mean over the seeds that came to an epoch, for each epoch."""
    found: dict[int, list[float]] = {}
    for run in row.epochs:
        for epoch in run:
            if epoch.get(quantity) is not None:
                found.setdefault(epoch["epoch"], []).append(float(epoch[quantity]))
    return {epoch: fmean(values) for epoch, values in evenly(sorted(found.items()), EPOCHS)}
