"""What a comparison says of its rows in words: that a network guesses, that a dial may change nothing."""

from __future__ import annotations

from collections.abc import Sequence

from robustdial.evaluate import AT_CHANCE, UNMOVED, at_chance, over_images, unmoved
from robustdial.report.folder import Entry
from robustdial.report.words import counted


def said_of(rows: Sequence[Entry], classes: int, n: int) -> list[list[str]]:
    """For each row of `compare.json` what its numbers say; nothing where they speak for themselves.

    Judged by what `n` images tell of the mean over the seeds: an interval over two or three seeds may reach from 0 to
    100 %, and says then that the seeds differ, not that anyone guesses.

    >>> wide = {"mean": 0.8, "low": 0.0, "high": 1.0}
    >>> said_of([{"label": "a", "clean": wide}, {"label": "b", "clean": {**wide, "mean": 0.1}}], 10, 100)
    [[], ['at chance']]
    """
    points = [_point(row, n) for row in rows]
    dials: dict[str, list[Entry]] = {}
    for row, point in zip(rows, points, strict=True):
        if row.get("lam") is not None and point["clean"] is not None:
            dials.setdefault(_method(row), []).append(point)
    dead = {method for method, curve in dials.items() if unmoved(curve)}
    return [
        [AT_CHANCE] * at_chance(point, classes) + [UNMOVED] * (_method(row) in dead)
        for row, point in zip(rows, points, strict=True)
    ]


def shared_start(about: Entry) -> str:
    """What all methods of a comparison had before, in a sentence; empty where each started anew."""
    first = about.get("first")
    if not first:
        return ""
    taught = f", whose answers are {100 * first['distil']:.0f} % of each label after it" if first["distil"] else ""
    return (
        f"Every method starts from the same {counted(first['epochs'], 'epoch')} of standard training, one for each "
        f"seed{taught}; its passes and seconds are counted for every method."
    )


def _method(row: Entry) -> str:
    return str(row.get("method") or row["label"])


def _point(row: Entry, n: int) -> Entry:
    """A row as a point, robust under the first of its attacks."""
    robust = next(iter((row.get("robust") or {}).values()), None)
    sides = {"clean": row.get("clean"), "robust": robust}
    point: Entry = {"lam": row.get("lam")}
    for side, measured in sides.items():
        mean = (measured or {}).get("mean")
        known = None if mean is None else over_images(mean, n)
        point |= {side: mean, f"{side}_interval": known and [known["low"], known["high"]]}
    return point
