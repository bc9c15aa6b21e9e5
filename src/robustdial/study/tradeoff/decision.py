"""Which measured point is the best that meets what was asked; arithmetic on numbers, no network in sight.

**Met** is meant of point estimates: an accuracy of 92.3 % meets 92 %, whatever its interval. A check also says whether
it is `sure`: met even at the unfavourable end of the interval.

**Best** is the highest robust accuracy, or, where a robust accuracy was asked for, the highest clean accuracy among the
points that have it: what was asked for needs no excess. Of equals the cheapest, in multiply-adds; of equals again the
one whose other accuracy is higher.

**Out of reach** are targets that no point meets. The nearest point is then the one whose worst miss, relative to its
target, is smallest.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import groupby, pairwise
from typing import NamedTuple

from robustdial.typing import Json

Point = dict[str, Json]
"""A measured point with its cost, as in `frontier.json`."""

RESOLUTION = 0.02
"""Lambdas that are closer are not told apart: what lies between them is less than the intervals."""


@dataclass(frozen=True)
class Targets:
    """What a position must offer; None where nothing is asked.

    Args:
        clean_min, robust_min: least accuracies, as shares.
        latency_max: most seconds per forward.
        macs_max: most multiply-adds of one image.
        params_max: most parameters.
        width_max: largest width.

    >>> Targets(clean_min=92)
    Traceback (most recent call last):
        ...
    ValueError: --clean-min 92 is not a share. Write 92 % as 0.92.
    """

    clean_min: float | None = None
    robust_min: float | None = None
    latency_max: float | None = None
    macs_max: float | None = None
    params_max: float | None = None
    width_max: float | None = None

    def __post_init__(self) -> None:
        asked = {f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name) is not None}
        if not asked:
            raise ValueError(
                "Say what the network must offer: at least one of "
                f"{', '.join(_flag(f.name) for f in fields(self))}. For example --clean-min 0.92."
            )
        for name, value in asked.items():
            if not math.isfinite(value):
                raise ValueError(f"{_flag(name)} {value:g} is not a finite number.")
            if name in ("clean_min", "robust_min") and value > 1:
                raise ValueError(f"{_flag(name)} {value:g} is not a share. Write {value:g} % as {value / 100:g}.")
            if not value > 0:
                raise ValueError(f"{_flag(name)} {value:g} is not above 0. Leave it out if nothing is asked.")

    @property
    def aim(self) -> str:
        """The accuracy to raise as far as it goes."""
        return "robust" if self.robust_min is None else "clean"

    @property
    def binding(self) -> str:
        """The other one, which limits it."""
        return "clean" if self.aim == "robust" else "robust"


class Check(NamedTuple):
    """One target at one point."""

    name: str
    wanted: float
    got: float
    met: bool
    sure: bool
    """Met at the unfavourable end of the interval too; numbers without an interval are sure."""
    miss: float
    """By how much it is missed, relative to the target; 0 if it is met."""


class Choice(NamedTuple):
    """The best point, or where nothing meets the targets the nearest."""

    point: Point
    checks: list[Check]

    @property
    def met(self) -> bool:
        """Whether the point meets every target."""
        return all(check.met for check in self.checks)


def decide(points: Sequence[Point], targets: Targets) -> Choice:
    """The best point that meets the targets, or the nearest if none does.

    >>> robuster = {"lam": 1.0, "width": 1.0, "clean": 0.90, "robust": 0.50, "macs": 100}
    >>> cleaner = {"lam": 0.0, "width": 1.0, "clean": 0.95, "robust": 0.10, "macs": 100}
    >>> decide([cleaner, robuster], Targets(clean_min=0.92)).point["lam"]
    0.0
    >>> decide([cleaner, robuster], Targets(robust_min=0.6)).met
    False
    """
    choices = [Choice(point, checks(point, targets)) for point in points]
    met = [choice for choice in choices if choice.met]
    if met:
        return max(met, key=lambda choice: _worth(choice.point, targets))
    return min(choices, key=lambda choice: (_misses(choice), [-value for value in _worth(choice.point, targets)]))


def checks(point: Point, targets: Targets) -> list[Check]:
    """Every target at a point."""
    return [*_at_least(point, targets), *_at_most(point, targets)]


def next_position(points: Sequence[Point], targets: Targets) -> tuple[float, float] | None:
    """The lambda and width where a measurement promises most beyond the points there are; None if none does.

    Along lambda a network becomes more robust and less clean. The best position is therefore where a target is just
    still met: between two neighbours of which one meets it and the other, better one, does not. A straight line between
    them says what to expect there; the gap that promises most is halved, again and again, at each width that can win.

    >>> ends = [{"lam": lam, "width": 1.0, "clean": 1 - lam / 2, "robust": lam / 2} for lam in (0.0, 1.0)]
    >>> next_position(ends, Targets(clean_min=0.8))
    (0.5, 1.0)
    """
    within = [p for p in points if all(check.met for check in _at_most(p, targets))]
    gaps = [gap for low, high in _neighbours(within) if (gap := _gap(low, high, targets)) is not None]
    best = decide(points, targets)
    if best.met:
        gaps = [gap for gap in gaps if gap.promise > best.point[targets.aim]]
    if not gaps:
        return None
    chosen = max(gaps, key=lambda gap: gap.promise)
    return chosen.middle, chosen.width


class _Gap(NamedTuple):
    promise: float
    """The accuracy to raise, where the target is just still met."""
    middle: float
    width: float


def _gap(low: Point, high: Point, targets: Targets) -> _Gap | None:
    """What may lie between two neighbours; None if nothing that counts does."""
    least, floor = getattr(targets, f"{targets.binding}_min"), getattr(targets, f"{targets.aim}_min")
    if least is None or high["lam"] - low["lam"] <= RESOLUTION:
        return None
    beyond, inside = sorted((low, high), key=lambda p: float(p[targets.binding]))
    if not beyond[targets.binding] < least <= inside[targets.binding] or beyond[targets.aim] < (floor or 0.0):
        return None
    share = (inside[targets.binding] - least) / (inside[targets.binding] - beyond[targets.binding])
    promise = inside[targets.aim] + share * (beyond[targets.aim] - inside[targets.aim])
    return _Gap(promise, round((low["lam"] + high["lam"]) / 2, 4), low["width"])


def excess(cost: Point, targets: Targets) -> float:
    """By how much a cost exceeds the targets, relative to the one that it exceeds most; 0 within them.

    >>> excess({"macs": 300}, Targets(macs_max=200)), excess({"macs": 100}, Targets(macs_max=200))
    (0.5, 0.0)
    """
    return max((check.miss for check in _at_most(cost, targets)), default=0.0)


def _misses(choice: Choice) -> list[float]:
    return sorted((check.miss for check in choice.checks), reverse=True)


def _worth(point: Point, targets: Targets) -> tuple[float, float, float]:
    return point[targets.aim], -point.get("macs", 0), point[targets.binding]


def _at_least(point: Point, targets: Targets) -> Iterator[Check]:
    for side in ("clean", "robust"):
        wanted = getattr(targets, f"{side}_min")
        if wanted is not None:
            got = point[side]
            low = point.get(f"{side}_interval", [got])[0]
            yield Check(f"{side}_min", wanted, got, got >= wanted, low >= wanted, max(0.0, wanted - got) / wanted)


def _at_most(point: Point, targets: Targets) -> Iterator[Check]:
    for name, key in (("latency", "latency"), ("macs", "macs"), ("params", "parameters"), ("width", "width")):
        wanted = getattr(targets, f"{name}_max")
        if wanted is not None:
            got = point[key]
            high = point.get(f"{key}_quartiles", [got])[-1]
            wanted = max(wanted, got) if name == "width" and math.isclose(wanted, got, rel_tol=1e-5) else wanted
            yield Check(f"{name}_max", wanted, got, got <= wanted, high <= wanted, max(0.0, got - wanted) / wanted)


def _neighbours(points: Sequence[Point]) -> Iterator[tuple[Point, Point]]:
    """Points of the same width that are next to each other along lambda."""
    dialed = sorted((p for p in points if p["lam"] is not None), key=lambda p: (p["width"], p["lam"]))
    for _, line in groupby(dialed, key=lambda p: p["width"]):
        yield from pairwise(line)


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"
