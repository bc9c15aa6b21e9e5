"""The schedules against published training logs, and against schedules recorded from the official code."""

import math

import pytest

from robustdial.method.schedule import Linear, Magnitude
from robustdial.recipes import amata, deat_d, m_deat, m_pgd, m_trades

RUNS = ["ablation_12", "mdeat_dense", "mdeat_pre", "mpgd_pre", "mpgd_vgg16", "mtrades_pre"]


@pytest.fixture(scope="module")
def logs(published):
    return {run["run"]: run for run in published("deat_logs_shared")["runs"]}


def extra(run):
    """Passes minus what the log calls r: replays are passes, attack steps are followed by one to learn."""
    return 0 if run["method"] == "mdeat" else 1


def full(run, rule):
    """Below how many passes the rule always adds one: A never, B while alpha r < epsilon, C (a bug) always."""
    steps = {"A": 0, "B": math.ceil(run["epsilon"] / run["alpha"]), "C": math.ceil(255 * run["epsilon"] / run["alpha"])}
    return max(1, steps[rule] + extra(run))


def predicted(schedule, gradients):
    """Passes of each epoch."""
    state, passes = schedule.init(), []
    for gradient in gradients:
        passes.append(schedule.passes(state))
        state = schedule.after(state, {"gradient": gradient})
    return passes


def test_all_logs_are_here(logs):
    assert sorted(logs) == RUNS


@pytest.mark.parametrize("rule", "ABC")
@pytest.mark.parametrize("name", RUNS)
def test_the_rules_of_a_log_predict_every_epoch_and_the_others_do_not(logs, name, rule):
    run = logs[name]
    schedule = Magnitude(run["gamma"], run["r_max"] + extra(run), full(run, rule))
    observed = [r + extra(run) for r in run["r_observed"]]
    assert len(observed) == run["epochs_logged"] == len(run["mg"])
    assert (predicted(schedule, run["mg"]) == observed) == (rule in run["rules_that_predict_every_epoch"])


# ablation_12 is M+DEAT with another step, mdeat_dense with another network: the rule knows of neither. mpgd_vgg16 took
# steps of 10/255, for which the default of `full` is not meant.
@pytest.mark.parametrize(
    ("name", "recipe"),
    [
        ("mdeat_pre", m_deat),
        ("ablation_12", m_deat),
        ("mdeat_dense", m_deat),
        ("mpgd_pre", m_pgd),
        ("mtrades_pre", m_trades),
    ],
)
def test_the_recipes_as_they_come_make_the_published_passes(logs, name, recipe):
    observed = [r + extra(logs[name]) for r in logs[name]["r_observed"]]
    assert predicted(recipe().schedule, logs[name]["mg"]) == observed


@pytest.fixture(scope="module")
def trace(golden):
    return golden("deat_steps")


def test_amata_takes_the_recorded_steps(trace):
    method, state = amata(), amata().schedule.init()
    epochs = len(trace["trace/amata_K"])
    for t, (steps, size) in enumerate(
        zip(trace["trace/amata_K"].tolist(), trace["trace/amata_alpha"].tolist(), strict=True), 1
    ):
        assert method.schedule.passes(state) == steps + 1
        assert method.solver.step(method.threat.radius, steps) == pytest.approx(size)
        state = method.schedule.after(state, {"progress": t / epochs})


def test_deat_d_makes_the_recorded_replays(trace):
    recorded = trace["trace/deatd_r"].tolist()
    schedule = deat_d().schedule
    state, passes = schedule.init(), []
    for _ in recorded:
        passes.append(schedule.passes(state))
        state = schedule.after(state, {})
    assert passes == recorded


@pytest.mark.parametrize("growth", [1, 7, 8, 10, 100])
def test_linear_counts_as_whole_numbers_do(growth):
    """Progress comes as a quotient: no rounding of it moves a step into another epoch."""
    schedule = Linear(3, 3 + growth)
    for epochs in range(1, 121):
        for t in range(epochs):
            assert schedule.passes(schedule.after(None, {"progress": t / epochs})) == 3 + growth * t // epochs
