"""Points that were measured under the same conditions, kept in a file from the first one on."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from robustdial import record
from robustdial.attack import Attack
from robustdial.data import Source
from robustdial.evaluate import Position
from robustdial.method import describe
from robustdial.own_code import code_of
from robustdial.run import Experiment
from robustdial.study.tradeoff.attacked import attacked_with, meant_by
from robustdial.study.tradeoff.costs import costs_of, dialed_cost, places_of, timing_of
from robustdial.study.tradeoff.points import fingerprint_of, measure_point
from robustdial.study.tradeoff.positions import widths_of
from robustdial.typing import Json


@dataclass
class Ledger:
    """A file of points; each is written as soon as it is measured, and found again by a later call.

    Points are found again only where the attack, the images, the seed, the weights and the user's file that builds the
    network are the same; otherwise the file begins anew with the next point, and the earlier one is kept beside it
    (`frontier-before.json`), where a call under its conditions finds it. Latencies are found again where machine and
    threads are the same.

    Args:
        path: of the file.
        experiment: the run.
        part: name of the part of the data that `source` is of.
        source: the images.
        attack: made at the position served.
        seed: of its random starts.
        widths: whose cost is asked for, besides the trained ones.
    """

    path: Path
    experiment: Experiment
    part: str
    source: Source
    attack: Attack
    seed: int
    widths: tuple[float, ...] = ()
    conditions: dict[str, Json] = field(init=False)
    points: list[dict[str, Json]] = field(init=False, default_factory=list)
    seconds: float = field(init=False, default=0.0)
    _unwritten: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        self.conditions = conditions_of(self.experiment, self.part, self.source, self.attack, self.seed)
        before = self._before()
        if before:
            self.points, self.seconds = before["points"], before["seconds"]

    @cached_property
    def cost(self) -> dict[str, Json]:
        """What each width costs, what the dial itself costs, and under which conditions they were timed."""
        before, timing, dial = self._before(), timing_of(self.experiment), self.experiment.method.dial
        rows = before.get("costs", [])
        known = [row["width"] for row in rows] + [point["width"] for point in self.points]
        wanted = places_of(dial, sorted({*widths_of(dial), *self.widths, *known}, reverse=True))
        timed = before.get("timing") == timing and [_place(row) for row in rows] == wanted
        if timed and "dialed" in before:
            return {key: before[key] for key in ("timing", "costs", "dialed")}
        costs = costs_of(self.experiment, wanted)  # all of them again: those that are timed by turns can be compared
        return {"timing": timing, "costs": costs, "dialed": dialed_cost(self.experiment)}

    def known(self, position: Position) -> dict[str, Json] | None:
        """The point at a position if it has been measured, with its cost."""
        found = next((p for p in self.points if (p["lam"], p["width"]) == position), None)
        return None if found is None else found | self.cost_at(position)

    def measure(self, position: Position) -> dict[str, Json]:
        """The point at a position with its cost: measured and written, unless it is known."""
        known = self.known(position)
        if known is not None:
            return known
        clock = time.perf_counter()
        lam, width = position
        found = measure_point(self.experiment, lam, self.attack, seed=self.seed, width=width, source=self.source)
        self.points.append(found)
        self._unwritten += time.perf_counter() - clock
        self.write()
        return found | self.cost_at(position)

    def all_points(self) -> list[dict[str, Json]]:
        """Every point with its cost, widest first, each width along lambda."""
        ordered = sorted(self.points, key=lambda p: (-p["width"], p["lam"] or 0.0))
        return [p | self.cost_at(Position(p["lam"], p["width"])) for p in ordered]

    def cost_at(self, position: Position) -> dict[str, Json]:
        """Parameters, multiply-adds and latency at a position; nothing of what only another machine has measured."""
        place = self.experiment.method.dial.costs_like(position.lam), position.width
        row: Mapping[str, Json] = next((row for row in self.cost["costs"] if _place(row) == place), {})
        return {key: value for key, value in row.items() if key != "lam"}

    def write(self, **more: Json) -> None:
        """Write the file, with `more` in it, and with what another process has put there meanwhile."""
        cost = self.cost  # timed before the file is held
        with record.changing(self.path):
            before = self._before()
            self._take_over(before)
            if self.path.exists() and not self._read(self.path):
                record.write_text(self._aside, self.path.read_text(encoding="utf-8"))
            about = {**before, **self.conditions, **images_of(self.experiment), **cost, "seconds": self.seconds, **more}
            record.write_json(self.path, {**about, "points": self.all_points()})

    def _take_over(self, before: Mapping[str, Json]) -> None:
        """Add the points, what their positions cost and the seconds of another process."""
        known = {(p["lam"], p["width"]) for p in self.points}
        self.points += [p for p in before.get("points", []) if (p["lam"], p["width"]) not in known]
        if before.get("timing") == self.cost["timing"]:
            rows, places = self.cost["costs"], [_place(row) for row in self.cost["costs"]]
            rows += [row for row in before.get("costs", []) if "lam" in row and _place(row) not in places]
            rows.sort(key=lambda row: (-row["width"], row["lam"] or 0.0))
        self.seconds, self._unwritten = before.get("seconds", 0.0) + self._unwritten, 0.0

    @property
    def _aside(self) -> Path:
        return self.path.with_stem(f"{self.path.stem}-before")

    def _before(self) -> dict[str, Json]:
        """What was measured under these conditions, in the file or in the one kept beside it; empty if nothing was."""
        return self._read(self.path) or self._read(self._aside)

    def _read(self, path: Path) -> dict[str, Json]:
        about = record.read_json(path) if path.exists() else {}
        return record.read_json(path, form=record.MEASURED_POINTS) if measured_under(about, self.conditions) else {}


def _place(row: Mapping[str, Json]) -> tuple[float | None, float]:
    """Of which position a cost is; earlier versions did not say at which lambda."""
    return row.get("lam", -1.0), row["width"]


def measured_under(about: Mapping[str, Json], conditions: Mapping[str, Json]) -> bool:
    """Whether a file was written under these conditions; an old one does not say which images and code it is
    of, and of its attack the name alone."""
    unsaid = {name: conditions[name] for name in ("images", "code") if name in conditions}
    told = {**unsaid, "attacked_with": meant_by(conditions["attack"]), **about}
    return all(told.get(key) == value for key, value in conditions.items())


def images_of(experiment: Experiment) -> dict[str, Json]:
    """Which data is measured, and what was decided for the reader about it."""
    return {"dataset": experiment.data.name, "notes": list(experiment.data.notes)}


def conditions_of(experiment: Experiment, part: str, source: Source, attack: Attack, seed: int) -> dict[str, Json]:
    """Under which conditions accuracies hold."""
    return {
        "part": part,
        "attack": attack.name,
        "attacked_with": attacked_with(attack),
        "n": len(source),
        "images": fingerprint_of(source),
        "seed": seed,
        "checkpoint": experiment.checkpoint,
        "weights": record.fingerprint(experiment.state.served.state_dict()),
        "adversary": describe(experiment.method.threat),
        "precision": "float32",
        # the same weights in a forward that was edited are another network
        **({"code": code} if (code := code_of(experiment.about["model"])) else {}),
    }
