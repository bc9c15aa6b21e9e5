"""What the page reads from `compare.json`, with one form for what was measured and what was not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from robustdial import record
from robustdial.report.compare.front import front
from robustdial.report.compare.verdicts import said_of
from robustdial.report.folder import Entry
from robustdial.typing import Json

NEEDED = ("data", "model", "run", "seeds", "eps", "n", "attacks", "rows")
HEALTHY = "healthy"


@dataclass(frozen=True)
class Measured:
    """A mean over seeds and the ends of its interval; None is not measured yet."""

    mean: float | None = None
    low: float | None = None
    high: float | None = None

    @property
    def ends(self) -> list[float] | None:
        """Both ends of the interval, if there is one."""
        return None if self.low is None or self.high is None else [self.low, self.high]


@dataclass(frozen=True)
class Row:
    """One method, or one position of its dial.

    Args:
        label: its name in the comparison.
        method: the name of the method, the same for all positions of its dial.
        lam: the position of the dial; None without one.
        recipe: the recipe it was made by.
        knobs: what was set differently from the recipe's defaults.
        complete: whether every seed is trained and measured.
        clean: accuracy on clean test images, in [0, 1].
        robust: accuracy under each attack, in [0, 1], in the order of the attacks.
        also: accuracy in further parts of the evaluation, by their names.
        passes: forward and backward passes per image and epoch, averaged over the training.
        seconds: training time of one run.
        health: what was seen in each seed's training, with the seed.
        epochs: one list per seed, one entry per epoch.
        said: what its numbers say in words: that it guesses, that its dial may change nothing.
    """

    label: str
    method: str
    lam: float | None
    recipe: str
    knobs: Entry
    complete: bool
    clean: Measured
    robust: dict[str, Measured]
    also: dict[str, Measured]
    passes: Measured
    seconds: Measured
    health: list[tuple[int, str]]
    epochs: list[list[Entry]]
    said: list[str]

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong with it."""
        return not (self.ills or self.said)

    @property
    def worst(self) -> Measured:
        """Accuracy under the attack that leaves least on average; nothing while one of them is missing."""
        means = [one.mean for one in self.robust.values() if one.mean is not None]
        if not means or len(means) < len(self.robust):
            return Measured()
        return next(one for one in self.robust.values() if one.mean == min(means))

    @property
    def ills(self) -> list[tuple[int, str]]:
        """The seeds that were not healthy, and why."""
        return [(seed, said) for seed, said in self.health if said != HEALTHY]


@dataclass(frozen=True)
class Comparison:
    """Several methods under the same conditions.

    Args:
        about: the conditions, all of `compare.json` but the rows.
        rows: the methods, most robust under the first attack first, unmeasured ones last.
    """

    about: Entry
    rows: list[Row]

    @property
    def methods(self) -> list[Row]:
        """One row for each method, by its name: what does not differ along a dial."""
        first = {row.method: row for row in reversed(self.rows)}
        return [replace(row, label=row.method) for row in self.rows if row is first[row.method]]

    @property
    def further(self) -> list[str]:
        """Names of the further parts of the evaluation, of all rows."""
        return list(dict.fromkeys(name for row in self.rows for name in row.also))

    @property
    def done(self) -> list[Row]:
        """The finished methods that can be placed: those with robust accuracy and time."""
        return [row for row in self.rows if row.complete and None not in (row.worst.mean, row.seconds.mean)]

    def on_front(self, costs: Sequence[Measured]) -> list[bool]:
        """For each row: whether it is finished and no other finished one beats it.

        That would be at most as dear, and at least as accurate on clean images and under its worst attack. Clean
        accuracy counts: a dial costs the same at every lambda, and only the most robust one would be left.

        Args:
            costs: what each row costs, in the order of the rows.
        """
        points = {
            i: (cost.mean, row.worst.mean, row.clean.mean or 0.0)
            for i, (row, cost) in enumerate(zip(self.rows, costs, strict=True))
            if row.complete and cost.mean is not None and row.worst.mean is not None
        }
        best = dict(zip(points, front(list(points.values())), strict=True))
        return [best.get(i, False) for i in range(len(self.rows))]


def read(folder: Path) -> Comparison:
    """Read `compare.json` of `folder`. Raises ValueError naming the file if it is damaged."""
    path = folder / record.COMPARE
    about = record.read_json(path)
    empty: list[Json] = [None, [], {}]
    missing = [key for key in NEEDED if about.get(key) in empty]
    if missing:
        raise ValueError(
            f"{path} lacks {', '.join(missing)}: it was not written by this program. Compare into a new folder."
        )
    try:
        found, classes = about.pop("rows"), len(about["data"].get("classes", []))
        spoken = said_of(found, classes, about["n"])
        rows = [_row(row, about["attacks"], about["seeds"], said) for row, said in zip(found, spoken, strict=True)]
    except (AttributeError, KeyError, TypeError, ValueError):
        raise ValueError(f"{path} is damaged (a row is of another form). Delete it and make it again.") from None
    first = [next(iter(row.robust.values()), Measured()).mean for row in rows]
    order = sorted(range(len(rows)), key=lambda i: (first[i] is None, -(first[i] or 0.0)))
    return Comparison(about, [rows[i] for i in order])


def _row(row: Entry, attacks: list[str], seeds: list[int], said: list[str]) -> Row:
    robust = row.get("robust") or {}
    return Row(
        label=str(row["label"]),
        method=str(row.get("method") or row["label"]),
        lam=row.get("lam"),
        recipe=str(row["recipe"]),
        knobs=dict(row.get("knobs") or {}),
        complete=bool(row["complete"]),
        clean=_measured(row.get("clean")),
        robust={attack: _measured(robust.get(attack)) for attack in attacks},
        also={name: _measured(value) for name, value in (row.get("also") or {}).items()},
        passes=_measured(row.get("passes")),
        seconds=_measured(row.get("seconds")),
        health=[(seed, said) for seed, said in zip(seeds, row.get("health") or [], strict=False) if said],
        epochs=[[_epoch(epoch) for epoch in run] for run in row.get("epochs") or [] if run],
        said=said,
    )


def _epoch(epoch: Entry) -> Entry:
    numbers = {name: None if number is None else float(number) for name, number in epoch.items()}
    return {**numbers, "epoch": int(epoch["epoch"])}


def _measured(value: Json) -> Measured:
    ends = {end: (value or {}).get(end) for end in ("mean", "low", "high")}
    return Measured(**{end: None if number is None else float(number) for end, number in ends.items()})
