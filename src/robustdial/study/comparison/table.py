"""The table of a comparison: a pure function of its run folders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from robustdial import record
from robustdial.attack import Attack
from robustdial.evaluate import Estimate, over_images, over_seeds
from robustdial.study.comparison.base import Comparison, Entry
from robustdial.study.comparison.extra_measurements import measured_before
from robustdial.study.comparison.health import health_of
from robustdial.study.comparison.shared_start import start_folder
from robustdial.study.tradeoff import attacked_with, meant_by
from robustdial.typing import Json


def table_of(comparison: Comparison, seconds: float) -> dict[str, Json]:
    """The settings, and the results as far as they are known."""
    folders = [comparison.folder_of(entry, seed) for entry in comparison.entries for seed in comparison.all_seeds]
    about = next((record.read_run(folder) for folder in folders if (folder / record.RUN).exists()), None)
    table = {
        "asked": asdict(comparison.run),
        "entries": [entry._asdict() for entry in comparison.entries],
        "seeds": list(comparison.all_seeds),
        "attacks": list(comparison.attacks),
        "n_asked": comparison.n,
        "checkpoint": "best on the validation part",
        "interval": _interval(comparison),
        "rows": [row for entry in comparison.entries for row in _rows(comparison, entry)],
        "seconds_total": seconds,
    }
    if comparison.first:
        table["first"] = asdict(comparison.first)
    if comparison.also:
        table["also"] = list(comparison.also)
    if comparison.threat:
        table |= {"threat": comparison.threat.name, "eps": comparison.threat.radius}
    return _conditions(comparison, about) | table


def _conditions(comparison: Comparison, about: Mapping[str, Json] | None) -> dict[str, Json]:
    """What all runs share, from the first of them; of a comparison that has none yet, what was asked for."""
    run = asdict(comparison.run)
    if about is None:
        return {"run": run}
    test, threat = about["data"]["test"], about["method"]["threat"]
    return {
        "data": about["data"],
        "model": about["model"],
        "threat": threat["type"],
        "eps": threat.get("eps", 1.0),
        "n": min(comparison.n or test, test),
        "run": run | {name: about["run"][name] for name in ("device", "precision")},
    }


def _interval(comparison: Comparison) -> str:
    if comparison.seeds > 1:
        return "95 % t-interval over seeds"
    return "95 % Wilson interval over images (one seed)"


def seconds_so_far(comparison: Comparison) -> float:
    """Seconds that the comparison has taken before this call of the program."""
    path = comparison.folder / record.COMPARE
    return float(record.read_json(path)["seconds_total"]) if path.exists() else 0.0


def _rows(comparison: Comparison, entry: Entry) -> list[dict[str, Json]]:
    """The lines of one method: one, or one for each lambda of its dial."""
    folders = [comparison.folder_of(entry, seed) for seed in comparison.all_seeds]
    epochs = [record.read_training(folder) for folder in folders]
    done = [run for run in epochs if run]
    about = next((record.read_run(folder) for folder in folders if (folder / record.RUN).exists()), None)
    lams = about["method"]["dial"].get("lambdas", [None]) if about else [None]
    costs = [_cost(comparison, folder, seed) for folder, seed in zip(folders, comparison.all_seeds, strict=True)]
    spent, seconds = zip(*filter(None, costs), strict=True) if any(costs) else ((), ())
    cost = {
        "passes": over_seeds(spent),
        "seconds": over_seeds(seconds),
        "epochs": [[_epoch(e) for e in run] for run in done],
    }
    return [
        {"label": entry.label if lam is None else f"{entry.label} at {lam:g}"}
        | {"method": entry.label, "recipe": entry.recipe, "knobs": entry.knobs, "lam": lam}
        | _accuracies(comparison, folders, lam, all(len(run) == comparison.run.epochs for run in epochs))
        | {"health": [health_of(folder, lam) for folder in folders]}
        | cost
        for lam in lams
    ]


def _cost(comparison: Comparison, folder: Path, seed: int) -> tuple[float, float] | None:
    """Passes per image and epoch, and seconds, of a run with the standard training it started from; None before it."""
    if not record.read_training(folder):
        return None
    parts = [folder] if comparison.first is None else [start_folder(comparison, seed), folder]
    epochs = [epoch for part in parts for epoch in record.read_training(part)]
    lost = [_lost(part) for part in parts]
    spent = sum(e["spent"] for e in epochs) + sum(passes for _, passes in lost)
    return spent / len(epochs), sum(e["seconds"] for e in epochs) + sum(more for more, _ in lost)


def _lost(folder: Path) -> tuple[float, float]:
    """Seconds, and passes per image, of the epochs that a run was taken back from: they were paid for."""
    troubles = record.read_lines(folder / record.TROUBLES)
    return sum(t.get("seconds_lost", 0.0) for t in troubles), sum(t.get("spent_lost", 0.0) for t in troubles)


def _accuracies(comparison: Comparison, folders: Sequence[Path], lam: float | None, trained: bool) -> dict[str, Json]:
    """What was measured of a method's runs at one position of the dial."""
    scores = {
        text: [score_of(folder, lam, attack, comparison.n) for folder in folders]
        for text, attack in comparison.measured_with.items()
    }
    known = {attack: [score for score in found if score] for attack, found in scores.items()}
    first, further = known[comparison.attacks[0]], _also(comparison, folders, lam)
    measured = [*known.values(), *further]
    return {
        "complete": trained and all(len(found) == len(folders) for found in measured),
        "clean": _estimate(first, "clean", comparison.seeds),
        "robust": {attack: _estimate(found, "robust", comparison.seeds) for attack, found in known.items()},
        "also": {name: estimate for found in further for name, estimate in _columns(found, comparison.seeds).items()},
    }


def _also(comparison: Comparison, folders: Sequence[Path], lam: float | None) -> list[list[dict[str, Json]]]:
    """For each further part, what was measured in the runs that have it."""
    parts = ([measured_before(folder, lam, part, comparison.n) for folder in folders] for part in comparison.also)
    return [[one for one in found if one] for found in parts]


def _columns(found: Sequence[Mapping[str, Json]], seeds: int) -> dict[str, Json]:
    """Every column of a further part, over the seeds that have it: an earlier version may have called it otherwise."""
    columns = [(name, {name: share, "n": one["n"]}) for one in found for name, share in one["columns"].items()]
    names = dict.fromkeys(name for name, _ in columns)
    return {name: _estimate([score for other, score in columns if other == name], name, seeds) for name in names}


def _estimate(scores: Sequence[Mapping[str, Json]], side: str, seeds: int) -> Json:
    """Of one seed over images; of several over those measured so far, without an interval while that is one."""
    values = [score[side] for score in scores]
    if values and seeds == 1:
        return over_images(values[0], scores[0]["n"])
    estimate = over_seeds(values)
    if estimate is None or estimate["low"] is None or estimate["high"] is None:
        return estimate
    return Estimate(mean=estimate["mean"], low=max(0.0, estimate["low"]), high=min(1.0, estimate["high"]))


def _epoch(epoch: Mapping[str, Json]) -> dict[str, Json]:
    point = epoch["val"][-1]
    kept = {name: epoch[name] for name in ("epoch", "passes", "spent", "gradient", "seconds")}
    return kept | {"clean": point["clean"], "robust": point["robust"]}


def score_of(folder: Path, lam: float | None, attack: Attack, n: int | None) -> dict[str, Json] | None:
    """The measurement of a run at a lambda under an attack on `n` images as asked for; None if there is none.

    One of an earlier version has the name of its attack alone.
    """
    path = folder / record.SCORE
    scores = record.read_json(path)["scores"] if path.exists() else []
    wanted, meant = (lam, attack.name, n, attacked_with(attack)), meant_by(attack.name)
    found = [s for s in scores if (s["lam"], s["attack"], s.get("asked", ""), s.get("attacked_with", meant)) == wanted]
    return dict(found[-1]) if found else None
