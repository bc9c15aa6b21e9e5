"""Further parts of an evaluation, for every network of a comparison: accuracy in bad weather, under other threats."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from robustdial import record
from robustdial.precision import full_precision
from robustdial.run import Experiment
from robustdial.study.comparison.base import Comparison
from robustdial.study.evaluation import EXTRAS, of_run
from robustdial.typing import Json

BATCH = 128


def measured_before(folder: Path, lam: float | None, part: str, n: int | None) -> dict[str, Json] | None:
    """What was measured of a run at a lambda on `n` images as asked for; None if that was not done."""
    found = [one for one in _read(folder) if (one["lam"], one["part"], one["asked"]) == (lam, part, n)]
    return found[-1] if found else None


def measure_also(comparison: Comparison, experiment: Experiment, lam: float | None) -> Iterator[str]:
    """Measure what is not known yet, and write it beside the run; the name of each part when it is done."""
    folder = experiment.folder
    for name in comparison.also:
        if measured_before(folder, lam, name, comparison.n) is None:
            subject = of_run(experiment, lam, n=comparison.n, threat=comparison.threat)
            part = EXTRAS[name](subject)
            with full_precision():
                rows = list(part.rows(experiment.run.seed, BATCH))
            asked: dict[str, Json] = {"lam": lam, "part": name, "asked": comparison.n, "n": len(subject.source)}
            one = asked | {"columns": part.columns(rows), "rows": rows}
            with record.changing(folder / record.ALSO):
                record.write_json(folder / record.ALSO, {"parts": [*_read(folder), one]})
            yield name


def _read(folder: Path) -> list[dict[str, Json]]:
    path = folder / record.ALSO
    return list(record.read_json(path)["parts"]) if path.exists() else []
