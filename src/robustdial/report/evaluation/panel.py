"""One evaluation, gathered for the template."""

from __future__ import annotations

from dataclasses import dataclass

from robustdial.evaluate import verdicts
from robustdial.report import curves
from robustdial.report.evaluation.checks import Checks, checks_of
from robustdial.report.evaluation.classes import Classes, classes_of
from robustdial.report.evaluation.corruptions import Corruptions, corruptions_of
from robustdial.report.evaluation.curve import curve
from robustdial.report.evaluation.extremes import Extreme, extremes_of
from robustdial.report.folder import Entry, Folder
from robustdial.report.thin import EVALUATIONS, PICTURED


@dataclass(frozen=True)
class Panel:
    """One evaluation; a part that was not measured is None or empty.

    Args:
        entry: it, as in `score.json`.
        plot: id of its curve on the page.
        said: what its number says in words.
        checks: what was looked for.
        classes: class by class.
        corruptions: kinds by level.
        extremes: its easiest and hardest images.
    """

    entry: Entry
    plot: str
    said: list[str]
    checks: Checks | None
    classes: Classes | None
    corruptions: Corruptions | None
    extremes: list[Extreme]

    @property
    def plots(self) -> list[curves.Plot]:
        """Its curve."""
        points = self.entry.get("curve")
        if not points:
            return []
        attack = points[0].get("attack")  # which earlier versions left out
        title = "Accuracy against the radius" + (f", under {attack}" if attack else "")
        return [(self.plot, title, curve(points, self.entry["radius"]))]


def panels(folder: Folder) -> list[Panel]:
    """The evaluations of a folder that are shown in full, the latest first."""
    return [
        Panel(
            entry=entry,
            plot=f"curve-{number}",
            said=verdicts([entry], len(_classes(folder, entry))),
            checks=checks_of(entry["checks"]) if entry.get("checks") else None,
            classes=classes_of(entry["per_class"]) if entry.get("per_class") else None,
            corruptions=corruptions_of(entry["corruptions"]) if entry.get("corruptions") else None,
            extremes=_extremes(folder, entry) if number < PICTURED else [],
        )
        for number, entry in enumerate(reversed(folder.scores[-EVALUATIONS:]))
    ]


def _extremes(folder: Folder, entry: Entry) -> list[Extreme]:
    return extremes_of(folder.extremes.get(str(entry.get("key")), {}), _classes(folder, entry))


def _classes(folder: Folder, entry: Entry) -> list[str]:
    """The names of the classes by number, as far as they are told: classes without an image have no row."""
    told: list[str] = folder.run.get("data", {}).get("classes", [])
    known = {row["label"]: row["name"] for row in entry.get("per_class", []) if "label" in row}
    return told or [known.get(label, str(label)) for label in range(max(known, default=-1) + 1)]
