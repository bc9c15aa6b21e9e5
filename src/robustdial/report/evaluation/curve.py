"""Accuracy against the radius."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import plotly.graph_objects as go

from robustdial.report.curves import INK, ROBUST, dressed, hundred
from robustdial.report.folder import Entry
from robustdial.report.words import interval, percent

BAND = "rgba(209, 96, 61, 0.18)"


def curve(points: Sequence[Entry], radius: float) -> go.Figure:
    """Robust accuracy in percent over the radius with its 95 % band; the radius that is claimed has a line."""
    points = sorted(points, key=lambda p: float(p["radius"]))
    x = [p["radius"] for p in points]
    low, high = ([hundred(p["robust_interval"][end]) for p in points] for end in (0, 1))
    figure = go.Figure()
    figure.add_scatter(
        x=x + x[::-1],
        y=high + low[::-1],
        mode="lines",
        line={"width": 0},
        fill="toself",
        fillcolor=BAND,
        hoverinfo="skip",
        showlegend=False,
    )
    figure.add_scatter(
        x=x,
        y=[hundred(p["robust"]) for p in points],
        mode="lines+markers",
        line={"color": ROBUST, "width": 1.8},
        marker={"size": 7},
        hovertext=[_told(p) for p in points],
        hovertemplate="%{hovertext}<extra></extra>",
        showlegend=False,
    )
    ticks = _ticks(x, radius)
    named = {"tickvals": ticks, "ticktext": [escape(p["eps"]) for p in points if p["radius"] in ticks]}
    dressed(figure, "ε", "robust accuracy", " %", named, {"range": [-2, 102]})
    figure.add_vline(radius, line={"color": INK, "width": 1, "dash": "dot"})
    figure.add_annotation(
        x=radius, y=1, yref="paper", text="claimed", showarrow=False, xanchor="left", xshift=4, font={"color": INK}
    )
    return figure


def _ticks(x: Sequence[float], radius: float) -> list[float]:
    """As many of the radii as have room for their names on a narrow screen; first the claimed one, then from the left.

    >>> _ticks([0, 1, 2, 3, 4, 6, 8, 16], 4)
    [0, 4, 8, 16]
    """
    room, kept = 0.15 * (x[-1] - x[0]), [value for value in x if value == radius]
    for value in x:
        if all(abs(value - other) > room for other in kept):
            kept.append(value)
    return sorted(kept)


def _told(point: Entry) -> str:
    bounds = interval(point["robust_interval"])
    return f"ε = {escape(point['eps'])}<br>{percent(point['robust'])} robust ({bounds})<br>n = {point['n']:,}"
