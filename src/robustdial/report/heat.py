"""Heat maps: accuracy over lambda and width, and with attack and network at different lambdas."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from robustdial.report.curves import CLEAN, INK, ROBUST, dressed, hundred
from robustdial.report.folder import Entry
from robustdial.report.words import interval, percent

LIGHT = "#f4f1ee"
CATEGORIES = {"type": "category", "showgrid": False, "dtick": 1}
"""How an axis of cells differs from others."""

ROW = 40
"""Height of a row of cells in pixels."""


def surface(points: Sequence[Entry]) -> go.Figure:
    """Robust and clean accuracy in percent over lambda (across) and width (up), a panel each; what was not measured is
    empty."""
    lams, widths = (sorted({p[key] for p in points}) for key in ("lam", "width"))
    at = {(p["width"], p["lam"]): p for p in points}
    grid = [[at.get((width, lam)) for lam in lams] for width in widths]
    figure = make_subplots(1, 2, shared_yaxes=True, horizontal_spacing=0.03, subplot_titles=["robust", "clean"])
    for column, (side, colour) in enumerate((("robust", ROBUST), ("clean", CLEAN)), start=1):
        figure.add_trace(
            _cells(
                [[None if p is None else p[side] for p in row] for row in grid],
                [f"{lam:.4g}" for lam in lams],
                [f"{width:g}" for width in widths],
                colour,
                [[_told(p, side) for p in row] for row in grid],
            ),
            row=1,
            col=column,
        )
    dressed(figure, "λ", "", across=CATEGORIES, upright=CATEGORIES)
    figure.update_annotations(font={"size": 13, "color": INK})
    return figure.update_yaxes(title={"text": "width", "font": {"size": 13}}, col=1).update_layout(margin_t=28)


def crossed(cross: Entry) -> go.Figure:
    """Robust accuracy in percent by the lambda that was attacked (down) and the one that answers (across).

    A last column for a lambda drawn at random, a last row for images that survive every attack.
    """
    served = [*(f"{lam:.4g}" for lam in cross["lams"]), "random"]
    attacked = [*(a if isinstance(a, str) else f"{a:.4g}" for a in cross["adversaries"]), "all of them"]
    survivors = [cell["mean"] for cell in (*cross["unknown"], cross["per_image"])]
    rows = [[*row, mean] for row, mean in zip(cross["matrix"], cross["expected"], strict=True)] + [survivors]
    told = [
        [f"attacked: {a}<br>served: {s}<br>{percent(value)} robust" for s, value in zip(served, row, strict=True)]
        for a, row in zip(attacked, rows, strict=True)
    ]
    figure = go.Figure(_cells(rows, served, attacked, ROBUST, told))
    line = {"type": "line", "line": {"color": INK, "width": 1.5}, "xref": "x", "yref": "y"}
    last, bottom = len(served) - 1.5, len(attacked) - 1.5
    figure.add_shape(x0=last, x1=last, y0=-0.5, y1=bottom + 1, **line)
    figure.add_shape(x0=-0.5, x1=last + 1, y0=bottom, y1=bottom, **line)
    upright = {**CATEGORIES, "autorange": "reversed"}
    return dressed(figure, "λ that answers", "λ that is attacked", across=CATEGORIES, upright=upright)


def _cells(
    rows: list[list[float | None]], x: list[str], y: list[str], colour: str, told: list[list[str]]
) -> go.Heatmap:
    look: dict[str, Any] = {"colorscale": [LIGHT, colour], "showscale": False, "xgap": 2, "ygap": 2}
    return go.Heatmap(
        x=x,
        y=y,
        z=[[hundred(value) for value in row] for row in rows],
        texttemplate="%{z:.1f}",
        hovertext=told,
        hovertemplate="%{hovertext}<extra></extra>",
        hoverongaps=False,
        **look,
    )


def _told(point: Entry | None, side: str) -> str:
    if point is None:
        return ""
    bounds = interval(point.get(f"{side}_interval"))
    return f"λ {point['lam']:.4g}, width {point['width']:g}<br>{percent(point[side])} {side} ({bounds})"
