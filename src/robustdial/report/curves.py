"""The plots. Each function returns a plotly figure; `html` turns it into a piece of the page.

Colours carry the idea: blue is clean, red is robust, and lambda runs from one to the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from html import escape
from itertools import groupby, pairwise
from types import MappingProxyType
from typing import Any

import plotly.graph_objects as go
from markupsafe import Markup
from plotly.colors import sample_colorscale

from robustdial.report.folder import Entry
from robustdial.report.labels import Box, Label, places
from robustdial.report.thin import EPOCHS, NAMED, evenly
from robustdial.report.words import interval, number, percent

CLEAN, ROBUST, BETWEEN, BAR = "#3b7fc4", "#d1603d", "#8d6cab", "#98a1ae"
# Colours that the style sheet replaces by its own ink, paper and line, so that plots follow light and dark.
INK, PAPER, GRID = "rgb(1, 2, 3)", "rgb(254, 253, 252)", "rgb(201, 202, 203)"
DASHES = ("solid", "dash", "dot", "dashdot", "longdash")
SAME = 0.01  # points closer than this share of the plot cover one another
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', sans-serif"
CONFIG = {"responsive": True, "displayModeBar": False}


Look = Mapping[str, Any]
"""Properties of a part of a figure, as plotly names them."""

NOTHING: Look = MappingProxyType({})
FROM_ZERO: Look = MappingProxyType({"rangemode": "tozero"})

Plot = tuple[str, str, go.Figure]
"""Id on the page, title, figure."""


def embed(plots: Sequence[Plot], heights: dict[str, int]) -> dict[str, tuple[str, Markup]]:
    """Title and HTML of every plot by its id; the first one brings plotly.js along, 230 pixels are the usual height."""
    return {
        name: (title, Markup(html(figure, name, heights.get(name, 230), library=i == 0)))
        for i, (name, title, figure) in enumerate(plots)
    }


def html(figure: go.Figure, name: str, height: int, library: bool) -> str:
    """A figure as HTML with id `name`; `library` carries plotly.js itself and is for the first figure of a page."""
    piece: str = figure.to_html(
        config=CONFIG, include_plotlyjs=library, full_html=False, div_id=name, default_height=f"{height}px"
    )
    return piece


def tradeoff(points: Sequence[Entry]) -> go.Figure:
    """Robust against clean accuracy in percent, one line per width along lambda.

    With 95 % bars both ways, at the widest only: those of all would hide the points.
    """
    figure, colours = go.Figure(), shades([p["lam"] for p in points])
    for width, dash, curve in _widths(points):
        widest = width == points[0]["width"]
        # names of narrower ones would repeat and collide
        names = _names(curve, points) if widest else None
        figure.add_scatter(
            x=[hundred(p["clean"]) for p in curve],
            y=[hundred(p["robust"]) for p in curve],
            error_x=_bars(curve, "clean") if widest else None,
            error_y=_bars(curve, "robust") if widest else None,
            mode="lines+markers+text",
            name=f"width {width:g}",
            text=names,
            textposition=_beside(curve, names, points) if names else None,
            line={"color": BETWEEN, "width": 1.5, "dash": dash},
            marker=_marker(curve, [colours[p["lam"]] for p in curve]),
            hovertext=[_told(p) for p in curve],
            hovertemplate="%{hovertext}<extra></extra>",
        )
    _halo(figure)
    return dressed(figure, "clean accuracy", "robust accuracy", " %", across={"ticksuffix": " %"})


def against_lam(points: Sequence[Entry]) -> go.Figure:
    """Clean and robust accuracy in percent against lambda, with 95 % bars."""
    figure = go.Figure()
    for width, dash, curve in _widths(points):
        for side, colour in (("clean", CLEAN), ("robust", ROBUST)):
            figure.add_scatter(
                x=[p["lam"] for p in curve],
                y=[hundred(p[side]) for p in curve],
                error_y=_bars(curve, side),
                mode="lines+markers",
                name=side if width == points[0]["width"] else f"{side}, width {width:g}",
                line={"color": colour, "width": 1.5, "dash": dash},
                marker=_marker(curve, [colour] * len(curve)) | {"size": 8},
                hovertext=[_told(p) for p in curve],
                hovertemplate="%{hovertext}<extra></extra>",
            )
    _halo(figure)
    return dressed(figure, "λ", "accuracy", suffix=" %")


def training(epochs: Sequence[Entry]) -> list[Plot]:
    """The curves of a training run as (id, title, figure); a quantity that was not recorded has no curve."""
    epochs, shares = evenly(epochs, EPOCHS), {"clean": CLEAN, "adv": ROBUST}
    plots = [
        ("loss", "Loss", _lines(epochs, {"loss": BETWEEN})),
        ("accuracies", "Training accuracy", _lines(epochs, shares, scale=100, suffix=" %")),
        ("val-clean", "Validation, clean", _validation(epochs, "clean")),
        ("val-robust", "Validation, robust", _validation(epochs, "robust")),
        ("health", "Held-out probe: under one step, under many", _probe(epochs)),
        ("lr", "Learning rate", _lines(epochs, {"lr": BETWEEN})),
        ("gradient", "Input gradient", _lines(epochs, {"gradient": BETWEEN})),
        ("seconds", "Seconds per epoch", _lines(epochs, {"seconds": BETWEEN}, upright=FROM_ZERO)),
    ]
    if len({e.get("passes") for e in epochs}) > 1:
        passes = _lines(epochs, {"passes": BETWEEN}, upright=FROM_ZERO)
        plots.insert(5, ("passes", "Passes per batch", passes))
    return [plot for plot in plots if len(plot[2].data)]


def shades(lams: Iterable[float | None]) -> dict[float | None, str]:
    """A colour for each lambda, from the clean one to the robust one, in even steps like the stops of the slider.

    >>> shades([0.0, 0.1, 1.0])[0.0], shades([0.0, 0.1, 1.0])[1.0]
    ('rgb(59, 127, 196)', 'rgb(209, 96, 61)')
    """
    known = sorted({lam or 0.0 for lam in lams})
    places = [i / max(1, len(known) - 1) for i in range(len(known))]
    return dict(zip(known, sample_colorscale([CLEAN, BETWEEN, ROBUST], places), strict=True)) | {None: BETWEEN}


def _lines(
    epochs: Sequence[Entry], keys: dict[str, str], scale: float = 1, suffix: str = "", upright: Look = NOTHING
) -> go.Figure:
    figure, x = go.Figure(), [e["epoch"] for e in epochs]
    for key, colour in keys.items():
        y = [None if e.get(key) is None else scale * e[key] for e in epochs]
        line(figure, x, y, key, colour, suffix)
    return by_epoch(figure, len(x), suffix, upright)


def _probe(epochs: Sequence[Entry]) -> go.Figure:
    """The two accuracies whose parting shows catastrophic overfitting."""
    seen = [(e["epoch"], e.get("health") or {}) for e in epochs]
    named = [{"epoch": n, "one step": h.get("one_step"), "many steps": h.get("many_steps")} for n, h in seen]
    return _lines(named, {"one step": BETWEEN, "many steps": ROBUST}, scale=100, suffix=" %")


def _validation(epochs: Sequence[Entry], side: str) -> go.Figure:
    figure, x = go.Figure(), [e["epoch"] for e in epochs]
    rows = [{v["lam"]: v.get(side) for v in e.get("val") or []} for e in epochs]
    lams = sorted({lam for row in rows for lam in row}, key=lambda lam: lam or 0.0)
    colours = shades(lams or [0.0])
    for lam in lams:
        y = [hundred(row.get(lam)) for row in rows]
        line(figure, x, y, "no dial" if lam is None else f"{lam:.4g}", colours[lam], " %")
    by_epoch(figure, len(x), " %")
    figure.layout.legend.title, figure.layout.showlegend = "λ", True
    return figure


def line(
    figure: go.Figure, x: list[int], y: Sequence[float | None], name: str, colour: str, suffix: str, dash: str = "solid"
) -> None:
    """Add a curve over epochs, unless nothing was recorded of it."""
    if all(value is None for value in y):
        return
    mode = "lines" if len(x) > 40 else "lines+markers"
    hover = f"epoch %{{x}}: %{{y:.4g}}{suffix}<extra>{escape(name)}</extra>"
    stroke = {"color": colour, "width": 1.8, "dash": dash}
    figure.add_scatter(x=x, y=y, mode=mode, name=name, line=stroke, marker={"size": 4}, hovertemplate=hover)


def by_epoch(figure: go.Figure, count: int, suffix: str, upright: Look = NOTHING) -> go.Figure:
    """Dress a figure whose x axis is `count` epochs."""
    # Left alone, plotly puts ticks at 1.2 and 1.4 epochs when there are few.
    return dressed(figure, "epoch", "", suffix, {"dtick": 1} if count < 8 else {}, upright)


def _widths(points: Sequence[Entry]) -> Iterator[tuple[float, str, list[Entry]]]:
    """Each width with the dash of its line, and its points."""
    for i, (width, group) in enumerate(groupby(points, key=lambda p: p["width"])):
        yield width, DASHES[i % len(DASHES)], list(group)


def _marker(curve: Sequence[Entry], colours: list[str]) -> dict[str, Any]:
    filled = [colour if p["trained"] else PAPER for p, colour in zip(curve, colours, strict=True)]
    return {"size": 11, "color": filled, "line": {"width": 2, "color": colours}}


def _bars(curve: Sequence[Entry], side: str) -> dict[str, Any]:
    ends = [(p[side], *(p.get(f"{side}_interval") or (p[side], p[side]))) for p in curve]
    up = [None if at is None else 100 * (high - at) for at, _, high in ends]
    down = [None if at is None else 100 * (at - low) for at, low, _ in ends]
    return {"type": "data", "array": up, "arrayminus": down, "color": BAR, "thickness": 1, "width": 3}


def _told(p: Entry) -> str:
    lam = "no dial" if p["lam"] is None else f"λ = {p['lam']:.4g}"
    width = f"width {p['width']:g}" + ("" if p["trained"] else ", not trained")
    sides = [f"{side} {percent(p[side])} {interval(p.get(f'{side}_interval'))}" for side in ("clean", "robust")]
    how = f"{escape(p['attack'])}, ε = {number(p['eps'])}, n = {p['n']}" if "attack" in p else ""
    return "<br>".join([f"<b>{lam}</b>, {width}", *sides, how])


def _lam(p: Entry) -> str:
    return "" if p["lam"] is None else f"λ {p['lam']:.3g}"


def _names(curve: Sequence[Entry], points: Sequence[Entry]) -> list[str]:
    """What is written at the points of a curve: at some of many, and once where several lie on one another."""
    x, y = (_frame(points, side) for side in ("clean", "robust"))
    names: dict[float | None, str] = {}
    first: Entry | None = None
    for p in (p for p in evenly(curve, NAMED) if None not in (p["clean"], p["robust"])):
        if first is not None and max(abs(x(p) - x(first)), abs(y(p) - y(first))) < SAME:
            names[first["lam"]] = f"{_lam(first)} to {p['lam']:.3g}"
        else:
            names[p["lam"]], first = _lam(p), p
    return [names.get(p["lam"], "") for p in curve]


def _beside(curve: Sequence[Entry], names: Sequence[str], points: Sequence[Entry]) -> list[str]:
    """Where the names of a curve's points stand in a plot of all points: clear of one another and of the curve."""
    x, y = (_frame(points, side) for side in ("clean", "robust"))
    spots = [
        None if None in (p["clean"], p["robust"]) else Label(name, x(p), y(p))
        for p, name in zip(curve, names, strict=True)
    ]
    drawn = [spot for spot in spots if spot]
    found = iter(places([spot for spot in drawn if spot.name], [d for a, b in pairwise(drawn) for d in _dots(a, b)]))
    return [next(found) if spot and spot.name else "top right" for spot in spots]


def _dots(a: Label, b: Label) -> Iterator[Box]:
    """The line between two points as a few places on it."""
    for way in (0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9):
        x, y = a.x + way * (b.x - a.x), a.y + way * (b.y - a.y)
        yield x, y, x, y


def _frame(points: Sequence[Entry], side: str) -> Callable[[Entry], float]:
    """Where a point stands between the ends of an axis that holds all points with their bars, as a share of it."""
    ends = [end for p in points if p[side] is not None for end in (p[side], *(p.get(f"{side}_interval") or ()))]
    low, high = min(ends, default=0.0), max(ends, default=1.0)
    room = 0.06  # that plotly leaves at each end
    return lambda p: room + (1 - 2 * room) * (p[side] - low) / ((high - low) or 1.0)


def hundred(share: float | None) -> float | None:
    """A share in percent; None stays None."""
    return None if share is None else 100 * share


def _halo(figure: go.Figure) -> None:
    """The ring that the slider moves: by agreement the last trace, empty until a point is chosen."""
    ring = {"size": 20, "symbol": "circle-open", "color": INK, "line": {"width": 2, "color": INK}}
    figure.add_scatter(x=[], y=[], mode="markers", marker=ring, hoverinfo="skip", showlegend=False)


def dressed(
    figure: go.Figure, x: str, y: str, suffix: str = "", across: Look = NOTHING, upright: Look = NOTHING
) -> go.Figure:
    """Give a figure the look of the page, with titles `x` and `y` on its axes, and more of each in `across`, `upright`.

    All at once: an update takes plotly longer than to lay a figure out anew.
    """
    axis = {"gridcolor": GRID, "zeroline": False, "automargin": True, "nticks": 7}
    axes = {"x": {**axis, **_titled(x), **across}, "y": {**axis, **_titled(y), "ticksuffix": suffix, **upright}}
    layout = figure.layout.to_plotly_json()
    for name in dict.fromkeys(("xaxis", "yaxis", *layout)):
        if name[1:5] == "axis":
            layout[name] = layout.get(name, {}) | axes[name[0]]
    figure.layout = layout | {
        "template": "none",
        "font": {"family": FONT, "size": 13, "color": INK},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "margin": {"l": 8, "r": 16, "t": 12, "b": 8},
        "legend": {
            "orientation": "h",
            "x": 0,
            "y": 1.02,
            "yanchor": "bottom",
            "bgcolor": "rgba(0,0,0,0)",
            "font": {"size": 12},
        },
        "showlegend": sum(trace.showlegend is not False for trace in figure.data) > 1,
        "hoverlabel": {"bgcolor": "#26303d", "bordercolor": "#26303d", "font": {"color": "#f5f6f8"}},
        "dragmode": False,  # on a touch screen a drag must scroll the page
    }
    return figure


def _titled(text: str) -> Look:
    return {"title": {"text": text, "standoff": 8, "font": {"size": 13}}}
