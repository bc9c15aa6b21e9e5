"""Comparing methods: the same data, network, epochs and seeds for each, trained by turns, measured alike.

Methods take turns epoch by epoch, so that whatever slows the machine for a while slows all of them: their seconds can
be compared. Each run draws its own random numbers and lives in a run folder of its own, so its weights are those of a
run that was trained alone, and an interrupted comparison goes on where it stopped.

    runs/<name>/
      compare.json               settings and, as far as known, the table
      <label>-seed<s>/           the runs
      report.html                all of it on one page
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from robustdial import record
from robustdial.data import Data
from robustdial.evaluate import Attack, Estimate, over_images, over_seeds, parse
from robustdial.measuring import add_score, lambdas_of, measure_point
from robustdial.provenance import provenance
from robustdial.randomness import Turns
from robustdial.recipes import recipe
from robustdial.run import Experiment, Run, data_of, resume, start, trained
from robustdial.training import carry_out
from robustdial.typing import Json


class Entry(NamedTuple):
    """One line of a comparison: a recipe with its knobs, and the name it goes by."""

    label: str
    recipe: str
    knobs: dict[str, Any]


@dataclass(frozen=True)
class Comparison:
    """What is compared, and how.

    Args:
        entries: the methods.
        run: the settings that all runs share; `out` is the folder of the comparison, `seed` the first seed.
        seeds: runs per method.
        attacks: names of the attacks that every network is measured with.
        n: class-balanced test images to measure on; None for all.
    """

    entries: tuple[Entry, ...]
    run: Run
    seeds: int = 1
    attacks: tuple[str, ...] = ("pgd-20", "cw-20")
    n: int | None = None

    def __post_init__(self) -> None:
        labels = [entry.label for entry in self.entries]
        twice = sorted({label for label in labels if labels.count(label) > 1})
        if not labels or twice:
            what = f"{twice[0]} stands there twice" if twice else "there is none"
            raise ValueError(
                f"A comparison needs different methods, but {what}. Write for example: pgd-at free m-deat."
            )
        if self.seeds < 1:
            raise ValueError(f"--seeds {self.seeds}: give at least one run per method.")
        for attack in self.attacks:
            parse(attack)
        for entry in self.entries:
            recipe(entry.recipe)(**entry.knobs)  # raises ValueError if its knobs make no sense

    @property
    def folder(self) -> Path:
        """Where everything is written."""
        return Path(self.run.out)

    @property
    def all_seeds(self) -> range:
        """The seeds of each method's runs."""
        return range(self.run.seed, self.run.seed + self.seeds)

    def folder_of(self, entry: Entry, seed: int) -> Path:
        """The folder of one run."""
        return self.folder / f"{entry.label.replace(':', '-').replace(',', '-')}-seed{seed}"


def begin(comparison: Comparison) -> None:
    """Make the folder of a new comparison. Raises ValueError if there is something in it."""
    record.create(comparison.folder, record.COMPARE, _table(comparison, 0.0))


def reopen(folder: Path) -> Comparison:
    """The comparison in `folder`. Raises FileNotFoundError if there is none."""
    path = folder / record.COMPARE
    if not path.is_file():
        raise FileNotFoundError(
            f"{folder} holds no comparison. Start one with: robustdial compare METHOD ... --out DIR"
        )
    about = record.read_json(path)
    entries = tuple(Entry(row["label"], row["recipe"], row["knobs"]) for row in about["entries"])
    run = Run(**about["run"] | {"out": str(folder)})
    return Comparison(entries, run, len(about["seeds"]), tuple(about["attacks"]), about["n_asked"])


class Turn(NamedTuple):
    """What has just been done.

    Attributes:
        label, seed: of the run.
        epoch: number of the epoch in which a batch was learned; None when the run was measured.
        closed: whether the epoch is finished.
    """

    label: str
    seed: int
    epoch: int | None
    closed: bool


def compare(comparison: Comparison) -> Generator[Turn, None, None]:
    """Train and measure everything that is not done yet, yielding after every batch and every measurement.

    After any yield the caller may stop and call `compare` again later: at most the batches since the last checkpoint
    are lost.
    """
    clock, before = time.monotonic(), _seconds_so_far(comparison)
    attacks = [parse(name) for name in comparison.attacks]
    for seed in comparison.all_seeds:
        data = data_of(replace(comparison.run, seed=seed))
        with closing(_trained_by_turns(comparison, seed, data)) as turns:
            for turn in turns:
                if turn.closed:
                    write(comparison, before + time.monotonic() - clock)
                yield turn
        for entry in comparison.entries:
            if _measure(comparison, entry, seed, data, attacks):
                write(comparison, before + time.monotonic() - clock)
                yield Turn(entry.label, seed, None, True)


def _trained_by_turns(comparison: Comparison, seed: int, data: Data) -> Generator[Turn, None, None]:
    """Each unfinished run of a seed trains for an epoch, then the next one, until all are finished."""
    waiting = []
    for entry in comparison.entries:
        experiment = _opened(comparison, entry, seed, data)
        if not experiment.finished and not _given_up(experiment):
            waiting.append((entry, experiment, carry_out(experiment), Turns(experiment.state.device)))
    # the run that is behind goes first: after an interruption too, all end together
    waiting.sort(key=lambda item: item[1].state.epoch)
    while waiting:
        entry, experiment, training, turns = waiting.pop(0)
        going = True
        while going:
            with turns.turn():
                step = _next(training, experiment)
            if step is None:
                break
            going = step.summary is None
            try:
                yield Turn(entry.label, seed, step.epoch, not going)
            except GeneratorExit:  # the caller stops here
                with turns.turn():
                    experiment.save()
                raise
        else:
            waiting.append((entry, experiment, training, turns))


def _next(training: Iterator[Any], experiment: Experiment) -> Any:
    """The next batch of a run; None when it is finished, or has failed for good."""
    try:
        return next(training, None)
    except FloatingPointError:
        epoch = experiment.state.epoch + 1
        experiment.note({"epoch": epoch, "trouble": "a loss that is not finite", "action": "stopped"})
        return None


def _given_up(experiment: Experiment) -> bool:
    return bool(experiment.troubles) and experiment.troubles[-1]["action"].startswith("stopped")


def _opened(comparison: Comparison, entry: Entry, seed: int, data: Data) -> Experiment:
    folder = comparison.folder_of(entry, seed)
    if (folder / record.RUN).exists():
        return resume(folder, data=data)
    return start(entry.recipe, entry.knobs, replace(comparison.run, seed=seed, out=str(folder)), data)


def _measure(comparison: Comparison, entry: Entry, seed: int, data: Data, attacks: Sequence[Attack]) -> bool:
    """Measure a run's best network where that was not done before; whether anything was."""
    folder, new = comparison.folder_of(entry, seed), False
    if not (folder / record.BEST).exists():
        return False
    experiment = trained(folder, comparison.run.device, data)
    for lam in lambdas_of(experiment.method.dial):
        for attack in attacks:
            if _score(folder, lam, attack.name, comparison.n) is None:
                point = measure_point(experiment, lam, attack, comparison.n, seed)
                add_score(experiment, point | {"asked": comparison.n})
                new = True
    return new


def _score(folder: Path, lam: float | None, attack: str, n: int | None) -> dict[str, Json] | None:
    path = folder / record.SCORE
    scores = record.read_json(path)["scores"] if path.exists() else []
    wanted = (lam, attack, n)
    found = [s for s in scores if (s["lam"], s["attack"], s.get("asked", "")) == wanted]
    return dict(found[-1]) if found else None


# --- the table --------------------------------------------------------------------------------------------------------


def write(comparison: Comparison, seconds: float) -> None:
    """Write `compare.json`."""
    record.write_json(comparison.folder / record.COMPARE, _table(comparison, seconds))


def _table(comparison: Comparison, seconds: float) -> dict[str, Json]:
    """The settings, and the results as far as they are known."""
    folders = [comparison.folder_of(entry, seed) for entry in comparison.entries for seed in comparison.all_seeds]
    about = next((record.read_run(folder) for folder in folders if (folder / record.RUN).exists()), None)
    table = {
        "entries": [entry._asdict() for entry in comparison.entries],
        "seeds": list(comparison.all_seeds),
        "attacks": list(comparison.attacks),
        "n_asked": comparison.n,
        "checkpoint": "best on the validation part",
        "interval": _interval(comparison),
        "rows": [row for entry in comparison.entries for row in _rows(comparison, entry)],
        "seconds_total": seconds,
    }
    return _conditions(comparison, about) | table | provenance()


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
        "eps": threat["eps"],
        "n": min(comparison.n or test, test),
        "run": run | {name: about["run"][name] for name in ("device", "precision")},
    }


def _interval(comparison: Comparison) -> str:
    if comparison.seeds > 1:
        return "95 % t-interval over seeds"
    return "95 % Wilson interval over images (one seed)"


def _seconds_so_far(comparison: Comparison) -> float:
    path = comparison.folder / record.COMPARE
    return float(record.read_json(path)["seconds_total"]) if path.exists() else 0.0


def _rows(comparison: Comparison, entry: Entry) -> list[dict[str, Json]]:
    """The lines of one method: one, or one for each lambda of its dial."""
    folders = [comparison.folder_of(entry, seed) for seed in comparison.all_seeds]
    epochs = [record.read_epochs(folder) for folder in folders]
    done = [run for run in epochs if run]
    about = next((record.read_run(folder) for folder in folders if (folder / record.RUN).exists()), None)
    lams = about["method"]["dial"].get("lambdas", [None]) if about else [None]
    cost = {
        "passes": over_seeds([sum(e["spent"] for e in run) / len(run) for run in done]),
        "seconds": over_seeds([sum(e["seconds"] for e in run) for run in done]),
        "health": [_health(folder) for folder in folders if (folder / record.EPOCHS).exists()],
        "epochs": [[_epoch(e) for e in run] for run in done],
    }
    return [
        {"label": entry.label if lam is None else f"{entry.label} at {lam:g}"}
        | {"recipe": entry.recipe, "knobs": entry.knobs, "lam": lam}
        | _accuracies(comparison, folders, lam)
        | cost
        for lam in lams
    ]


def _accuracies(comparison: Comparison, folders: Sequence[Path], lam: float | None) -> dict[str, Json]:
    """What was measured of a method's runs at one position of the dial."""
    scores = {a: [_score(folder, lam, a, comparison.n) for folder in folders] for a in comparison.attacks}
    known = {attack: [score for score in found if score] for attack, found in scores.items()}
    first = known[comparison.attacks[0]]
    return {
        "complete": all(len(found) == len(folders) for found in known.values()),
        "clean": _estimate(first, "clean"),
        "robust": {attack: _estimate(found, "robust") for attack, found in known.items()},
    }


def _estimate(scores: Sequence[Mapping[str, Json]], side: str) -> Json:
    values = [score[side] for score in scores]
    if len(values) == 1:
        return over_images(values[0], scores[0]["n"])
    estimate = over_seeds(values)
    if estimate is None or estimate["low"] is None or estimate["high"] is None:
        return estimate
    return Estimate(mean=estimate["mean"], low=max(0.0, estimate["low"]), high=min(1.0, estimate["high"]))


def _epoch(epoch: Mapping[str, Json]) -> dict[str, Json]:
    point = epoch["val"][-1]
    kept = {name: epoch[name] for name in ("epoch", "passes", "spent", "gradient", "seconds")}
    return kept | {"clean": point["clean"], "robust": point["robust"]}


def _health(folder: Path) -> str:
    """The first trouble of a run that was not mended, or that it is healthy."""
    troubles = record.read_lines(folder / record.TROUBLES)
    if not troubles:
        return "healthy"
    told = f"{troubles[0]['trouble']} in epoch {troubles[0]['epoch']}"
    return f"{told}, taken back" if troubles[0]["action"].startswith("back") else told
