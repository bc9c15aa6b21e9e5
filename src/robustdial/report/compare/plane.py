"""The trade-off of every method: robust against clean accuracy, the positions of a dial joined by a line."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import plotly.graph_objects as go

from robustdial.report.compare.curves import DASHES, Key, keys
from robustdial.report.compare.folder import Comparison, Row
from robustdial.report.curves import dressed
from robustdial.report.words import percent


def plane(comparison: Comparison) -> go.Figure:
    """Accuracy in percent under the worst attack against clean accuracy; a dial is a line along lambda."""
    figure = go.Figure()
    for key in keys(comparison.methods):
        rows = [row for row in comparison.rows if row.method == key.label]
        known = [row for row in rows if None not in (row.clean.mean, row.worst.mean)]
        if known:
            _line(figure, key, sorted(known, key=lambda row: row.lam or 0.0))
    return dressed(figure, "clean accuracy", "robust accuracy", suffix=" %").update_xaxes(ticksuffix=" %")


def _line(figure: go.Figure, key: Key, rows: Sequence[Row]) -> None:
    figure.add_scatter(
        x=[100 * (row.clean.mean or 0.0) for row in rows],
        y=[100 * (row.worst.mean or 0.0) for row in rows],
        mode="lines+markers",
        name=escape(key.label),
        line={"color": key.colour, "width": 1.5, "dash": DASHES[key.dash]},
        marker={"size": 9},
        hovertext=[
            f"{escape(row.label)}: {percent(row.clean.mean)} clean, {percent(row.worst.mean)} robust" for row in rows
        ],
        hovertemplate="%{hovertext}<extra></extra>",
    )
