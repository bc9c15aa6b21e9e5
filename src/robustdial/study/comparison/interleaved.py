"""Training and measuring by turns, in a way that can be stopped and continued at any time."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from robustdial import record
from robustdial.data import Data
from robustdial.provenance import provenance
from robustdial.randomness import RandomStream
from robustdial.run import Experiment, data_of, places_of, rehearse, rehearse_alone, resume, start, trained
from robustdial.run.estimate import estimate
from robustdial.run.training_loop import training_loop
from robustdial.study.comparison.base import Comparison, Entry
from robustdial.study.comparison.extra_measurements import measure_also
from robustdial.study.comparison.shared_start import Planned, stages
from robustdial.study.comparison.table import score_of, seconds_so_far, table_of
from robustdial.study.tradeoff import add_score, attacked_with, lambdas_of, measure_point
from robustdial.training.engine import Step


class Begun(NamedTuple):
    """What is known of a comparison before it trains.

    Attributes:
        notes: what was decided for the reader when its data was read.
        seconds: that training and validation will take on this machine; measuring comes on top.
    """

    notes: tuple[str, ...]
    seconds: float


def begin(comparison: Comparison) -> Begun:
    """Make the folder of a new comparison.

    Raises ValueError, and writes nothing, if there is something in it, or if its data, network or device cannot be had.
    """
    record.check_free(comparison.folder, record.COMPARE)
    for flag, folder in (("start", comparison.run.start), ("teacher", comparison.run.teacher)):
        if folder and comparison.seeds > 1:
            raise ValueError(
                f"Runs of several seeds hold out different images, and one --{flag} has seen most. Give --seeds 1."
            )
    data = data_of(comparison.run)
    planned = [run for stage in stages(comparison, comparison.run.seed) for run in stage]
    seconds = comparison.seeds * sum(estimate(_rehearsed(comparison, run, data)).seconds for run in planned)
    about = table_of(comparison, 0.0) | {"places": dict(places_of(comparison.run))} | provenance()
    record.create(comparison.folder, record.COMPARE, about)
    return Begun(data.notes, seconds)


def _rehearsed(comparison: Comparison, planned: Planned, data: Data) -> Experiment:
    """A run that can be trained; one that begins at a shared start is tried without it, which is still to come."""
    entry, alone = planned.entry, comparison.first is not None and planned.run.start is not None
    return (rehearse_alone if alone else rehearse)(entry.recipe, entry.knobs, planned.run, data)


class CompareStep(NamedTuple):
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


def compare(comparison: Comparison) -> Generator[CompareStep, None, None]:
    """Train and measure everything that is not done yet, yielding after every batch and every measurement.

    After any yield the caller may stop and call `compare` again later: at most the batches since the last checkpoint
    are lost. Raises ValueError while another process is at work in the folder.
    """
    held = record.opened(comparison.folder)
    try:
        yield from _all_of(comparison)
    finally:
        held.release()


def _all_of(comparison: Comparison) -> Generator[CompareStep, None, None]:
    began = time.monotonic() - seconds_so_far(comparison)
    for seed in comparison.all_seeds:
        data = data_of(replace(comparison.run, seed=seed), _known_classes(comparison))
        for stage in stages(comparison, seed):
            with closing(_train_interleaved(stage, data)) as turns:
                for turn in turns:
                    if turn.closed:
                        write(comparison, time.monotonic() - began)
                    yield turn
        for entry in comparison.entries:
            for _ in _measured(comparison, entry, seed, data):
                write(comparison, time.monotonic() - began)
                yield CompareStep(entry.label, seed, None, True)
    write(comparison, time.monotonic() - began)


def write(comparison: Comparison, seconds: float) -> None:
    """Write `compare.json`; `seconds` is the time spent so far. Its provenance stays that of the beginning."""
    path = comparison.folder / record.COMPARE
    with record.changing(path):
        record.write_json(path, record.read_json(path) | table_of(comparison, seconds))


def _train_interleaved(runs: Sequence[Planned], data: Data) -> Generator[CompareStep, None, None]:
    """Each unfinished run of a stage trains for an epoch, then the next one, until all are finished."""
    waiting = []
    for planned in runs:
        experiment = _opened(planned, data)
        if not experiment.finished and not _given_up(experiment):
            waiting.append((planned, experiment, training_loop(experiment), RandomStream(experiment.state.device)))
    # the run that is behind goes first: after an interruption too, all end together
    waiting.sort(key=lambda item: item[1].state.epoch)
    while waiting:
        planned, experiment, training, turns = waiting.pop(0)
        going = True
        while going:
            with turns.turn():
                step = _next(training)
            if step is None:
                break
            going = step.summary is None
            try:
                yield CompareStep(planned.entry.label, planned.run.seed, step.epoch, not going)
            except GeneratorExit:  # the caller stops here
                with turns.turn(), suppress(FloatingPointError):  # a broken state is not saved, the last one stays
                    experiment.save()
                raise
        else:
            waiting.append((planned, experiment, training, turns))


def _known_classes(comparison: Comparison) -> list[str] | None:
    """The names of the classes in the runs there are; None before the first of them."""
    folders = (comparison.folder_of(entry, seed) for seed in comparison.all_seeds for entry in comparison.entries)
    return next((record.read_run(f)["data"]["classes"] for f in folders if (f / record.RUN).exists()), None)


def _next(training: Iterator[Step]) -> Step | None:
    """The next batch of a run; None when it is finished, or has failed for good."""
    try:
        return next(training, None)
    except FloatingPointError:  # noted by the run itself
        return None


def _given_up(experiment: Experiment) -> bool:
    return bool(experiment.troubles) and experiment.troubles[-1]["action"].startswith("stopped")


def _opened(planned: Planned, data: Data) -> Experiment:
    folder, entry = Path(planned.run.out), planned.entry
    if (folder / record.RUN).exists():
        return resume(folder, {"device": planned.run.device}, data)
    return start(entry.recipe, entry.knobs, planned.run, data)


def _measured(comparison: Comparison, entry: Entry, seed: int, data: Data) -> Iterator[str]:
    """Measure a run's best network in every way in which that was not done before; what was measured, each time."""
    folder = comparison.folder_of(entry, seed)
    if not (folder / record.BEST).exists():
        return
    experiment = trained(folder, comparison.run.device, data)
    for lam in lambdas_of(experiment.method.dial):
        for attack in comparison.measured_with.values():
            if score_of(folder, lam, attack, comparison.n) is None:
                point = measure_point(experiment, lam, attack, comparison.n, seed, threat=comparison.threat)
                add_score(experiment, point | {"asked": comparison.n, "attacked_with": attacked_with(attack)})
                yield attack.name
        yield from measure_also(comparison, experiment, lam)
