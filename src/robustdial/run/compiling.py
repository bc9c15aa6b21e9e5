"""Whether a run goes through torch.compile, where that was left to be found out."""

from __future__ import annotations

import time
from dataclasses import replace

from robustdial.randomness import seeded
from robustdial.run.estimate import Clock, passes_by_epoch, trial
from robustdial.run.experiment import Experiment
from robustdial.run.refusals import UNCOMPILED
from robustdial.run.rehearsal import Understudy, make_graphs
from robustdial.training.recompute import called

LEAST = 3600.0
"""Seconds of training from which it is tried: compiling takes a few minutes, and saves a tenth or so (LOG.md)."""

Choice = tuple[bool, str]
"""Whether a run is compiled, and why, in words."""

_TURNS = 3


def decide(experiment: Experiment, least: float = LEAST, clock: Clock = time.perf_counter) -> None:
    """Settle `compile="auto"`: compiled if that saves more seconds of the run than it takes, as tried on a copy.

    `run.json` says what was decided. No random number is spent, and a run of less than `least` seconds is not compiled.
    """
    compiled, why = _found(experiment, least, clock)
    experiment.run = replace(experiment.run, compile=compiled)
    experiment.about["compiled"] = {"yes": compiled, "why": why}
    if compiled:
        experiment.state.forward = called(experiment.state.model, experiment.about["run"]["precision"], True, False)


def _found(experiment: Experiment, least: float, clock: Clock) -> Choice:
    for flag in UNCOMPILED:
        if getattr(experiment.run, flag):
            return False, f"not together with --{flag.replace('_', '-')}"
    eager, passes = _seconds(experiment, False, clock)
    every = passes_by_epoch(experiment.method.schedule, experiment.run.epochs)
    planned = experiment.batches * sum(every) * eager / passes
    if experiment.world.any(planned < least):
        return False, f"{_minutes(planned)} of training are too few to repay it"
    began, failed = clock(), ""
    try:
        make_graphs(experiment)
    except ValueError as error:
        failed = str(error).partition(". Leave out")[0]
    if experiment.world.any(bool(failed)):
        return False, failed or "torch.compile fails in another process"
    took = clock() - began
    share = _seconds(experiment, True, clock)[0] / eager
    saved = planned * (1 - share)
    batch = f"a batch takes {share:.2f} of its time"
    if experiment.world.any(saved <= took):
        return False, f"{batch}, which does not repay the {_minutes(took)} that it takes"
    return True, f"{batch}, which saves {_minutes(saved)} of {_minutes(planned)}, for {_minutes(took)}"


def _seconds(experiment: Experiment, compiled: bool, clock: Clock) -> tuple[float, int]:
    """Seconds of a batch with as many passes as most will have, and these."""
    passes = max(passes_by_epoch(experiment.method.schedule, experiment.run.epochs))
    with seeded(0, experiment.device):
        understudy = Understudy.of(experiment, compiled)
        return trial(understudy, passes, experiment.run.batch, _TURNS, clock).seconds, passes


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.1f} min"
