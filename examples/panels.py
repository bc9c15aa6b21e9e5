"""Simple figures, drawn twice: by plotly for a page, and as SVG for a document."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

INK, FAINT = "#30343b", "#d5dae1"
LEFT, RIGHT, TOP, BOTTOM, RIM = 84, 24, 76, 52, 6
SCALES = {"linear": np.asarray, "log": np.log10}


@dataclass(frozen=True)
class Line:
    """Points joined in their order, `[n, 2]`; broken where one is not a number."""

    name: str
    color: str
    xy: np.ndarray
    dots: bool = False

    def trace(self) -> go.Scatter:
        style = {"color": self.color, "width": 2, "dash": "dot" if self.dots else "solid"}
        return go.Scatter(x=self.xy[:, 0], y=self.xy[:, 1], name=self.name, mode="lines", line=style)

    def svg(self, xy: np.ndarray) -> str:
        dash = ' stroke-dasharray="2 4"' if self.dots else ""
        return f'<path d="{path(xy)}" fill="none" stroke="{self.color}" stroke-width="2"{dash}/>'

    def key(self, x: float, y: float) -> str:
        return self.svg(np.array([(x, y), (x + 16, y)]))


@dataclass(frozen=True)
class Discs:
    """Points `[n, 2]` on their own."""

    name: str
    color: str
    xy: np.ndarray

    def trace(self) -> go.Scatter:
        style = {"color": self.color, "size": 9}
        return go.Scatter(x=self.xy[:, 0], y=self.xy[:, 1], name=self.name, mode="markers", marker=style)

    def svg(self, xy: np.ndarray) -> str:
        return "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5" fill="{self.color}"/>' for x, y in xy)

    def key(self, x: float, y: float) -> str:
        return self.svg(np.array([(x + 8, y)]))


@dataclass(frozen=True)
class Area:
    """The inside of closed curves `[n, 2]`, apart where one is not a number."""

    name: str
    color: str
    xy: np.ndarray

    def trace(self) -> go.Scatter:
        x, y = self.xy.T
        return go.Scatter(x=x, y=y, name=self.name, mode="none", fill="toself", fillcolor=self.color, hoverinfo="skip")

    def svg(self, xy: np.ndarray) -> str:
        return f'<path d="{path(xy)}" fill="{self.color}"/>'

    def key(self, x: float, y: float) -> str:
        return self.svg(np.array([(x, y - 5), (x + 16, y - 5), (x + 16, y + 5), (x, y + 5)]))


@dataclass(frozen=True)
class Panel:
    """A figure; the first and the last tick are the ends of an axis. `scale` is one of SCALES, for both axes."""

    title: str
    x: str
    y: str
    xticks: list[float]
    yticks: list[float]
    marks: list[Line | Discs | Area]
    scale: str = "linear"
    width: int = 760
    height: int = 430

    def figure(self) -> go.Figure:
        """For a page."""
        figure = go.Figure([marks.trace() for marks in self.marks])
        for axis, title, ticks in (("xaxis", self.x, self.xticks), ("yaxis", self.y, self.yticks)):
            ends = [float(end) for end in SCALES[self.scale]([ticks[0], ticks[-1]])]
            about = {"title": title, "type": self.scale, "range": ends, "tickvals": ticks, "ticktext": written(ticks)}
            figure.update_layout({axis: about | {"gridcolor": FAINT, "zeroline": False}})
        figure.update_layout(title=self.title, width=self.width, height=self.height, template="plotly_white")
        return figure.update_layout(legend={"orientation": "h", "y": 1, "yanchor": "bottom"}, margin={"t": 110})

    def svg(self) -> str:
        """For a document: a group whose origin is the panel's corner."""
        scale = SCALES[self.scale]
        low, high = scale([(self.xticks[0], self.yticks[0]), (self.xticks[-1], self.yticks[-1])])
        right, floor = self.width - RIGHT, self.height - BOTTOM

        def at(xy: np.ndarray) -> np.ndarray:
            return (scale(xy) - low) / (high - low) * [right - LEFT, TOP - floor] + [LEFT, floor]

        x, y, wide, tall = LEFT - RIM, TOP - RIM, right - LEFT + 2 * RIM, floor - TOP + 2 * RIM
        inside = f'x="{x}" y="{y}" width="{wide}" height="{tall}" viewBox="{x} {y} {wide} {tall}"'
        return "\n".join([
            text(LEFT, 20, self.title, "start", weight=600),
            *legend(self.marks, right),
            *grid(at, self.xticks, self.yticks),
            text((LEFT + right) / 2, self.height - 12, self.x),
            f'<g transform="rotate(-90 14 {(TOP + floor) / 2})">{text(14, (TOP + floor) / 2, self.y)}</g>',
            f"<svg {inside}>",  # cuts off what lies outside
            *(marks.svg(at(marks.xy)) for marks in self.marks),
            "</svg>",
        ])  # fmt: skip


def page(title: str, panels: list[Panel]) -> str:
    """One HTML page that needs nothing outside itself."""
    figures = (panel.figure().to_html(full_html=False, include_plotlyjs=i == 0) for i, panel in enumerate(panels))
    head = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
    beside = "".join(f'<div style="display: inline-block">{figure}</div>\n' for figure in figures)
    look = "font-family: system-ui, sans-serif; max-width: 820px; margin: 2em auto"
    return f'{head}<body style="{look}"><h2>{title}</h2>\n{beside}'


def document(rows: list[list[Panel]]) -> str:
    """One SVG with rows of panels."""
    parts, y = [], 0
    for row in rows:
        x = 0
        for panel in row:
            parts.append(f'<g transform="translate({x} {y})">\n{panel.svg()}\n</g>')
            x += panel.width
        y += max(panel.height for panel in row)
    wide = max(sum(panel.width for panel in row) for row in rows)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {y}" font-family="system-ui, sans-serif">'
    return "\n".join([head, f'<rect width="{wide}" height="{y}" fill="white"/>', *parts, "</svg>\n"])


def grid(at, xticks: list[float], yticks: list[float]) -> Iterator[str]:
    """Lines and numbers at the ticks."""
    for x, word in zip(xticks, written(xticks), strict=True):
        (across, low), (_, high) = at(np.array([(x, yticks[0]), (x, yticks[-1])]))
        yield f'<path d="M{across:.1f},{low:.1f}V{high:.1f}" stroke="{FAINT}"/>{text(across, low + 18, word)}'
    for y, word in zip(yticks, written(yticks), strict=True):
        (start, up), (end, _) = at(np.array([(xticks[0], y), (xticks[-1], y)]))
        yield f'<path d="M{start:.1f},{up:.1f}H{end:.1f}" stroke="{FAINT}"/>{text(start - 8, up + 4, word, "end")}'


def legend(marks: list[Line | Discs | Area], right: int) -> Iterator[str]:
    """A key and a name for each, in a new line where the width ends."""
    x, y = LEFT, 42
    for entry in marks:
        wide = 38 + 7.4 * len(entry.name)
        if x + wide > right and x > LEFT:
            x, y = LEFT, y + 18
        yield entry.key(x, y - 4) + text(x + 22, y, entry.name, "start")
        x += wide


def path(xy: np.ndarray) -> str:
    """An SVG path, broken where a point is not a number."""
    words, pen = [], "M"
    for x, y in xy:
        if np.isnan(x + y):
            pen = "M"
        else:
            words.append(f"{pen}{x:.1f},{y:.1f}")
            pen = "L"
    return "".join(words)


def written(ticks: list[float]) -> list[str]:
    return [f"{tick:g}" for tick in ticks]


def text(x: float, y: float, words: str, anchor: str = "middle", weight: int = 400) -> str:
    look = f'font-size="13" font-weight="{weight}" fill="{INK}" text-anchor="{anchor}"'
    return f'<text x="{x:.1f}" y="{y:.1f}" {look}>{words}</text>'
