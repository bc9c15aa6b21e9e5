"""The page of a comparison: its parts, gathered for the template."""

from __future__ import annotations

from pathlib import Path

from markupsafe import Markup

from robustdial.report.compare import curves, facts
from robustdial.report.compare.folder import Comparison, read
from robustdial.report.compare.pareto import pareto
from robustdial.report.compare.plane import plane
from robustdial.report.curves import Plot, embed
from robustdial.report.template import PAGES
from robustdial.report.thin import METHODS, NAMED


def page(path: Path) -> str:
    """The page of a folder with `compare.json`. Raises ValueError if that is damaged."""
    comparison = read(path)
    rows = comparison.rows
    best = comparison.on_front([row.seconds for row in rows])
    return PAGES.get_template("compare.html").render(
        name=comparison.about.get("name") or f"{comparison.about['data']['name']}: methods compared",
        run=comparison.about,
        summary=facts.summary(comparison),
        tiles=facts.tiles(comparison),
        said=[],
        table=list(zip(rows, best, facts.relative(rows), strict=True)),
        attacks=comparison.about["attacks"],
        further=comparison.further,
        amount=facts.amount,
        span=facts.span,
        keys=curves.keys(comparison.methods[:METHODS]),
        left_out=_left_out(comparison),
        plots=_plots(comparison),
        settings=facts.settings(comparison),
        conditions=facts.conditions(comparison),
    )


def _left_out(comparison: Comparison) -> str:
    """What the pictures do not show of many methods, in sentences; empty if nothing is missing."""
    rows, methods = len(comparison.rows), len(comparison.methods)
    told = f"Of {rows} rows the {NAMED} on the front and most robust have their names in a picture; point at any other."
    curved = (
        f"Curves are drawn for the {METHODS} most robust of {methods} methods; the others are in their run folders."
    )
    return " ".join(said for said, left in ((told, rows > NAMED), (curved, methods > METHODS)) if left)


def _plots(comparison: Comparison) -> dict[str, tuple[str, Markup]]:
    """Every plot of the page by its id, with its title; one without points is left out."""
    rows = comparison.rows
    against: list[Plot] = [
        (
            "seconds",
            "Robust accuracy against training time",
            pareto(comparison, [row.seconds for row in rows], "training time in seconds"),
        ),
        (
            "cost",
            "Robust accuracy against passes",
            pareto(comparison, [row.passes for row in rows], "passes per image and epoch"),
        ),
        ("plane", "Robust against clean accuracy", plane(comparison)),
    ]
    drawn = [plot for plot in against if len(plot[2].data)]
    return embed([*drawn, *curves.training(comparison.methods)], {"seconds": 460, "cost": 420, "plane": 380})
