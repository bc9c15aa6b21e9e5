"""The page of one run: its parts, gathered for the template."""

from __future__ import annotations

from pathlib import Path

from markupsafe import Markup

from robustdial.evaluate import verdicts
from robustdial.report import curves, facts, heat
from robustdial.report.crossing import crossing
from robustdial.report.evaluation import facts as evaluated
from robustdial.report.evaluation.checks import checks_of
from robustdial.report.evaluation.overview import overview
from robustdial.report.evaluation.panel import Panel, panels
from robustdial.report.folder import Entry, Folder, read
from robustdial.report.pictures import Gallery, gallery
from robustdial.report.template import PAGES
from robustdial.report.thin import EVALUATIONS, PICTURED, ROWS, positions
from robustdial.report.words import interval, percent

BALANCED = 0.9


def page(path: Path) -> str:
    """The page of a run folder. Raises FileNotFoundError if it is none, ValueError if a file in it is damaged."""
    folder = read(path)
    classes = folder.run.get("data", {}).get("classes", [])
    pictures = gallery(folder.pictures, classes) if folder.pictures else None
    points, evaluations = positions(folder.points), panels(folder)
    rows = folder.scores[: -ROWS - 1 : -1]
    return PAGES.get_template("run.html").render(
        name=folder.title,
        foreign=folder.foreign,
        run=folder.run,
        summary=evaluated.summary(folder),
        tiles=evaluated.tiles(folder),
        said=verdicts(folder.points, len(classes)),
        points=points,
        widths=sorted({p["width"] for p in points}, reverse=True),
        costs=folder.costs,
        dialed_cost=folder.frontier.get("dialed"),
        timing=facts.timing(folder.frontier),
        evaluations=evaluations,
        rows=rows,
        overview=overview(rows),
        checks=[checks_of(entry["checks"]) if entry.get("checks") else None for entry in rows],
        left_out=_left_out(folder, len(points)),
        upper_bound=facts.UPPER_BOUND,
        tell=evaluated,
        strongest=facts.strongest(folder),
        command=evaluated.command(folder),
        crossing=crossing(folder.cross) if folder.cross else [],
        crossed=facts.crossed(folder.cross) if folder.cross else "",
        stops=_stops(points, pictures),
        start=_balanced(points),
        gallery=pictures,
        dialed=folder.dialed,
        plots=_plots(folder, points, evaluations),
        troubles=folder.troubles,
        elsewhere_trained=facts.elsewhere(folder.run),
        settings=facts.settings(folder.run),
        conditions=facts.conditions(folder),
    )


def _plots(folder: Folder, points: list[Entry], evaluations: list[Panel]) -> dict[str, tuple[str, Markup]]:
    """Every plot of the page by its id, with its title."""
    plots: list[curves.Plot] = []
    if points:
        plots.append(("tradeoff", "Robust against clean accuracy", curves.tradeoff(points)))
    if _dials(points):
        plots.append(("against", "Accuracy along λ", curves.against_lam(points)))
    widths = len({p["width"] for p in points})
    if widths > 1:
        plots.append(("surface", "Accuracy over λ and width, %", heat.surface(points)))
    for panel in evaluations:
        plots += panel.plots
    if folder.cross:
        plots.append(("crossed", "Robust accuracy, %", heat.crossed(folder.cross)))
    if folder.epochs:
        plots += curves.training(folder.epochs)
    rows = len(folder.cross.get("adversaries", ())) + 1
    tall = {"tradeoff": 440, "against": 330, "surface": 90 + heat.ROW * widths, "crossed": 70 + heat.ROW * rows}
    tall |= {panel.plot: 330 for panel in evaluations}
    return curves.embed(plots, tall)


def _left_out(folder: Folder, points: int) -> dict[str, str]:
    """What the page does not show of many things, by the part of the page; empty where nothing is missing."""
    measured, scores = len(folder.points), len(folder.scores)
    told = {"points": f"{points:,} of {measured:,} measured positions are shown, evenly spaced." * (measured > points)}
    full = f"The latest {EVALUATIONS} of {scores:,} evaluations are shown in full, the latest {PICTURED} with pictures."
    return told | {"scores": full * (scores > EVALUATIONS)}


def _stops(points: list[Entry], pictures: Gallery | None) -> list[Entry]:
    """Where the slider can stand, as the few lines of script need it; empty where there is nothing to slide."""
    if not _dials(points):
        return []
    return [
        {
            "lam": round(p["lam"], 4),
            "width": p["width"],
            "clean": _side(p, "clean"),
            "robust": _side(p, "robust"),
            "trained": p["trained"],
            "cost": facts.cost(p),
            "strip": pictures.nearest(p["lam"]) if pictures else None,
        }
        for p in points
    ]


def _balanced(points: list[Entry]) -> int:
    """Where the slider opens: the cleanest position whose accuracies together are nine tenths of the best sum.

    The best sum alone is nearly always at the robust end, which shows no balance.
    """
    sums = [(p["clean"] or 0.0) + (p["robust"] or 0.0) for p in points if p["width"] == points[0]["width"]]
    return next((i for i, both in enumerate(sums) if both >= BALANCED * max(sums)), 0)


def _side(point: Entry, side: str) -> Entry:
    value = point[side]
    return {
        "at": None if value is None else 100 * value,
        "text": percent(value),
        "range": interval(point.get(f"{side}_interval")),
    }


def _dials(points: list[Entry]) -> bool:
    return len({p["lam"] for p in points}) > 1 and all(p["lam"] is not None for p in points)
