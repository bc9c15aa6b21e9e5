"""Why correct extra data can raise the error, in three figures: python examples/robust_self_training_theory.py FOLDER

Writes robust-self-training.html, a page that needs nothing outside itself, and robust-self-training.svg, and prints the
numbers. Nothing is sampled: an error expected over random labelled points is a sum over all sets of them.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import tyro
from panels import Area, Discs, Line, Panel, document, page

from robustdial.theory import (
    Population,
    Staircase,
    augmented,
    directions,
    long_tail,
    robust_error,
    rst,
    standard,
    standard_error,
    x_regularised,
)

COLORS = {"standard": "#30343b", "augmented": "#d8483a", "X-regularised": "#8b5fb0", "self-training": "#2f6db5"}
GREY, SAFE, UNSAFE = "#9aa3b0", "#e3e9f1", "#f3b9b2"
DRAWS = np.unique(np.geomspace(10, 1000, 41).astype(int))


class Case(NamedTuple):
    """A staircase, those of its stairs that are labelled, and the populations of test and of unlabelled points."""

    stairs: Staircase
    seen: np.ndarray
    test: Population
    unlabelled: Population

    def estimators(self) -> dict[str, np.ndarray]:
        """Every theta, under the names of COLORS."""
        labelled, extra, norm = self.stairs.labelled(self.seen), self.stairs.extra(self.seen), self.stairs.norm
        thetas = (
            standard(labelled, norm),
            augmented(labelled, extra, norm),
            x_regularised(labelled, extra, norm, self.test.covariance),
            rst(labelled, extra, norm, self.unlabelled.covariance, self.unlabelled.points),
        )
        return dict(zip(COLORS, thetas, strict=True))


def seven_stairs() -> Case:
    """The paper's figure of the fits, as its code has it: a tenth of the test is shifted, nothing unlabelled is."""
    stairs, weights = Staircase(7, before=(-4, -3, -2)), long_tail(7)
    return Case(stairs, np.arange(4), stairs.population(0.1, weights), stairs.population(0, weights))


def fits(case: Case) -> Panel:
    """What the four predict."""
    x, stair = np.linspace(0, case.stairs.stairs - 0.5, 131), np.arange(case.stairs.stairs)
    basis = case.stairs.features(x)
    ends = np.stack([stair, stair + 0.5, np.full(len(stair), np.nan)], axis=1).ravel()
    lines = [Line(name, COLORS[name], pairs(x, basis @ theta)) for name, theta in case.estimators().items()]
    marks = [
        Line("target", GREY, pairs(ends, np.floor(ends)), dots=True),
        *lines,
        Discs("labelled", COLORS["standard"], pairs(case.seen, case.seen)),
        Discs("extra, correct", COLORS["augmented"], pairs(case.seen + 0.5, case.seen)),
    ]
    title = "Correct extra points on the first stairs bend the fit away from the others"
    return Panel(title, "x", "prediction", list(range(len(stair) + 1)), list(range(-3, 8)), marks)


def expected_errors(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Standard errors `[draws, 4]` after DRAWS stairs are drawn and labelled, and how often augmentation raises it."""
    stairs, weights = Staircase(count), long_tail(count)
    everyone = stairs.population(0.01, weights)
    found = []
    for subset in range(1, 2**count):
        seen = np.flatnonzero(subset >> np.arange(count) & 1)
        thetas = Case(stairs, seen, everyone, everyone).estimators().values()
        found.append([standard_error(theta, everyone) for theta in thetas])
    errors, chances = np.array(found), chance_of_sets(weights, DRAWS)[:, 1:]
    return chances @ errors, chances @ (errors[:, 1] > errors[:, 0] + 1e-9)


def chance_of_sets(weights: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """Probability that `draws` points see just the stairs of a set, `[draws, 2^S]`, by inclusion and exclusion."""
    inside = np.zeros(1)
    for weight in weights:
        inside = np.concatenate([inside, inside + weight])
    chance = np.minimum(inside, 1) ** draws[:, None]
    for stair in range(len(weights)):
        halves = chance.reshape(len(draws), -1, 2, 2**stair)
        halves[:, :, 1] -= halves[:, :, 0]
    return chance


def errors(expected: np.ndarray) -> Panel:
    """Standard errors against the number of labelled points."""
    lines = [Line(name, COLORS[name], pairs(DRAWS, of)) for name, of in zip(COLORS, expected.T, strict=True)]
    title = "What extra points cost goes with the number of labelled points"
    xticks, yticks = [10, 20, 50, 100, 200, 500, 1000], [1e-10, 1e-8, 1e-6, 1e-4, 1e-2, 1, 10]
    return Panel(title, "labelled points, drawn at random", "expected standard error", xticks, yticks, lines, "log")


def plane(rest: tuple[float, float], spread: float) -> Panel:
    """The directions in which one more correct point raises the standard error."""
    found = directions(rest, np.diag([1, spread]))
    wedges = [wedge(start + turn, end + turn) for start, end in found.unsafe for turn in (0, 180)]
    circle, arrow = arc(0, 360), np.array([(0, 0), rest])
    marks = [
        Area("safe", SAFE, circle),
        Area("unsafe", UNSAFE, np.concatenate(wedges)),
        Line("equal error", GREY, 0.7 * circle / np.sqrt([1, spread])),
        Line("still open", COLORS["self-training"], arrow / np.linalg.norm(rest)),
    ]
    title = f"S = diag(1, {spread:g}): {100 * found.safe_fraction:.1f} % are safe"
    return Panel(title, "first axis", "second axis", [-1, 0, 1], [-1, 0, 1], marks, width=380, height=400)


def wedge(start: float, end: float) -> np.ndarray:
    """A sector of the unit circle, from its centre and back, and a gap."""
    return np.concatenate([[(0, 0)], arc(start, end), [(0, 0)], [(np.nan, np.nan)]])


def arc(start: float, end: float) -> np.ndarray:
    """A part of the unit circle; degrees."""
    angles = np.radians(np.linspace(start, end, 91))
    return pairs(np.cos(angles), np.sin(angles))


def pairs(x, y) -> np.ndarray:
    return np.stack([np.asarray(x, float), np.asarray(y, float)], axis=1)


def report(case: Case, expected: np.ndarray, worse: np.ndarray) -> str:
    """The numbers behind the figures."""
    lines = ["seven stairs, four labelled     standard error   robust error"]
    for name, theta in case.estimators().items():
        lines.append(f"{name:31} {standard_error(theta, case.test):14.6g} {robust_error(theta, case.test):14.6g}")
    lines.append("labelled  " + "  ".join(f"{name:>13}" for name in COLORS) + "   augmentation raises it")
    for draws, row, chance in zip(DRAWS, expected, worse, strict=True):
        lines.append(f"{draws:8}  " + "  ".join(f"{value:13.4g}" for value in row) + f"   {100 * chance:.1f} %")
    return "\n".join(lines)


def main(folder: tyro.conf.Positional[Path], count: int = 10) -> None:
    """Draw the three figures of the theory and print the numbers behind them.

    Args:
        folder: where the page and the SVG go.
        count: stairs of the second figure, whose sum has 2^count terms.
    """
    case, (expected, worse), rest = seven_stairs(), expected_errors(count), (1, 0.2)
    panels = [fits(case), errors(expected), plane(rest, 4), plane(rest, 25)]
    folder.mkdir(parents=True, exist_ok=True)
    title = "Robust self-training: the theory in three figures"
    (folder / "robust-self-training.html").write_text(page(title, panels), encoding="utf-8")
    svg = document([panels[:1], panels[1:2], panels[2:]])
    (folder / "robust-self-training.svg").write_text(svg, encoding="utf-8")
    print(report(case, expected, worse))


if __name__ == "__main__":
    tyro.cli(main)
