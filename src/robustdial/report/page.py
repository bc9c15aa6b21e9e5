"""The page itself: read the folder, fill the template, put it in place in one move."""

from __future__ import annotations

from pathlib import Path

import plotly.graph_objects as go
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from robustdial import record
from robustdial.report import curves, facts
from robustdial.report.folder import Entry, Folder, read
from robustdial.report.pictures import Gallery, gallery
from robustdial.report.words import interval, percent

PAGES = Environment(
    loader=PackageLoader("robustdial.report", ""),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
PAGES.filters |= {"percent": percent, "interval": interval}


def render(folder: Path) -> Path:
    """Write `report.html` into a run folder: one page that needs nothing outside itself.

    The page is a pure function of the folder. A part whose file is missing is left out, and a line says which
    command makes it. The old page stays in place until the new one is complete.

    Args:
        folder: a run folder, with any of `run.json`, `epochs.jsonl`, `frontier.json`, `pictures.safetensors`.

    Returns:
        The path of the page.

    Raises:
        FileNotFoundError: the folder holds nothing of a run.
        ValueError: a file in it is damaged.
    """
    target = Path(folder) / record.REPORT
    record.write_text(target, _page(read(Path(folder))))
    return target


def _page(folder: Folder) -> str:
    classes = folder.run.get("data", {}).get("classes", [])
    pictures = gallery(folder.pictures, classes) if folder.pictures else None
    points = folder.points
    return PAGES.get_template("page.html").render(
        name=folder.name,
        run=folder.run,
        summary=facts.summary(folder),
        tiles=facts.tiles(folder),
        points=points,
        widths=sorted({p["width"] for p in points}, reverse=True),
        stops=_stops(points, pictures),
        gallery=pictures,
        dialed=folder.dialed,
        plots=_plots(folder),
        settings=facts.settings(folder.run),
        conditions=facts.conditions(folder),
    )


def _plots(folder: Folder) -> dict[str, tuple[str, Markup]]:
    """Every plot of the page by its id, with its title; the first one brings plotly.js along."""
    plots: list[tuple[str, str, go.Figure]] = []
    if folder.points:
        plots.append(("tradeoff", "Robust against clean accuracy", curves.tradeoff(folder.points)))
    if _dials(folder.points):
        plots.append(("against", "Accuracy along λ", curves.against_lam(folder.points)))
    if folder.epochs:
        plots += curves.training(folder.epochs)
    heights = {"tradeoff": 440, "against": 330}
    return {
        name: (title, Markup(curves.html(figure, name, heights.get(name, 230), library=i == 0)))
        for i, (name, title, figure) in enumerate(plots)
    }


def _stops(points: list[Entry], pictures: Gallery | None) -> list[Entry]:
    """Where the slider can stand, as the few lines of script need it; empty where there is nothing to slide."""
    if not _dials(points):
        return []
    return [
        {
            "lam": round(p["lam"], 6),
            "width": p["width"],
            "clean": _side(p, "clean"),
            "robust": _side(p, "robust"),
            "trained": p["trained"],
            "strip": pictures.nearest(p["lam"]) if pictures else None,
        }
        for p in points
    ]


def _side(point: Entry, side: str) -> Entry:
    value = point[side]
    return {
        "at": None if value is None else 100 * value,
        "text": percent(value),
        "range": interval(point.get(f"{side}_interval")),
    }


def _dials(points: list[Entry]) -> bool:
    return len({p["lam"] for p in points}) > 1
