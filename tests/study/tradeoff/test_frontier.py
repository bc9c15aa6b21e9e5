"""The frontier over lambda and width: its grid, its costs, and what a second call finds."""

import json

import pytest

from robustdial import record
from robustdial.attack import PGDAttack
from robustdial.attack.own import own_attack
from robustdial.dial import Dials
from robustdial.evaluate import Position
from robustdial.report.folder import read
from robustdial.study.tradeoff import ledger, measure_frontier, positions_of

DIAL = Dials((0.0, 1.0), (0.5, 1.0))
ATTACK = PGDAttack(2)


GRID = positions_of(DIAL)


def written(run):
    return json.loads((run.folder / "frontier.json").read_text())


def measured(run, attack=ATTACK, n=None, seed=0):
    """The positions that a call asks for, after asking for each once to see whether it is there."""
    asked = len(run.asked)
    points = list(measure_frontier(run, GRID, attack, n, seed))
    assert [(p["lam"], p["width"]) for p in points] == GRID
    return run.asked[asked + len(GRID) :]


def test_the_grid_has_every_trained_position_and_middles_at_full_width():
    assert GRID == [(0.0, 1.0), (0.5, 1.0), (1.0, 1.0), (0.0, 0.5), (1.0, 0.5)]
    assert positions_of(DIAL, lams=(0.3,)) == [(0.3, 1.0), (0.3, 0.5)]
    assert positions_of(DIAL, widths=(0.5,)) == [(0.0, 0.5), (1.0, 0.5)]


def test_points_have_the_cost_of_their_width_and_say_whether_they_were_trained(run):
    points = list(measure_frontier(run, GRID, ATTACK))
    assert [(p["parameters"], p["macs"]) for p in points] == [(10, 8)] * 3 + [(6, 4)] * 2
    assert [p["trained"] for p in points] == [True, False, True, True, True]
    assert all(low <= p["latency"] <= high for p in points for low, high in [p["latency_quartiles"]])
    assert len({p["latency"] for p in points}) == 2
    assert written(run)["points"] == points
    assert written(run)["timing"] == ledger.timing_of(run)


def test_a_kill_keeps_what_was_measured_and_the_next_call_goes_on(run):
    killed = measure_frontier(run, GRID, ATTACK)
    first = [next(killed), next(killed)]
    killed.close()
    assert written(run)["points"] == first
    assert measured(run) == GRID[2:]
    assert written(run)["points"][:2] == first
    assert measured(run) == []


@pytest.mark.parametrize(
    "other", [{"attack": PGDAttack(3)}, {"attack": PGDAttack(2, step=0.5)}, {"n": 20}, {"seed": 1}]
)
def test_other_conditions_start_afresh(run, other):
    measured(run)
    assert set(measured(run, **other)) == set(GRID)


def test_attacks_of_ones_own_are_told_apart_by_their_files(run, tmp_path):
    for text in ("weak", "strong"):
        (tmp_path / f"{text}.py").write_text(f"def attack(f, x, y, threat):\n    return x  # {text}\n")
    weak, strong = (own_attack(f"{tmp_path / text}.py:attack") for text in ("weak", "strong"))
    assert weak.name == strong.name
    measured(run, weak)
    assert measured(run, weak) == []
    assert set(measured(run, strong)) == set(GRID)


@pytest.mark.parametrize(("attack", "again"), [(ATTACK, []), (PGDAttack(2, step=0.5), GRID)])
def test_a_file_that_has_only_the_name_of_an_attack_is_of_the_one_that_is_called_so(run, attack, again):
    measured(run, attack)
    before = written(run)
    assert before.pop("attacked_with")["steps"] == 2
    (run.folder / "frontier.json").write_text(json.dumps(before))
    assert set(measured(run, attack)) == set(again)


def test_other_weights_start_afresh(run, make_run):
    measured(run)
    assert set(measured(make_run(run.folder, scale=2.0))) == set(GRID)


def test_the_same_weights_in_code_that_was_edited_start_afresh(run, tmp_path):
    place, weights = tmp_path / "net.py", run.state.served.state_dict()
    record.write_tensors(run.folder / record.BEST, {f"model.{name}": value for name, value in weights.items()}, {})
    for text, again in (("def build(): pass", GRID), ("def build(): pass", []), ("def build(): ...", GRID)):
        place.write_text(text)
        run.about = {"model": {"name": f"{place}:build"}}
        assert set(measured(run)) == set(again)
        about = read(run.folder)
        assert (about.outdated, len(about.points)) == ((), len(GRID))
    record.write_json(run.folder / record.RUN, run.about)
    place.write_text("def build(): return 1")
    assert read(run.folder).outdated == ("frontier",)
    place.unlink()  # of which nothing is known
    assert read(run.folder).outdated == ()


def test_a_file_of_the_old_form_starts_afresh(run):
    old = {"points": [{"lam": 0.0, "clean": 1.0, "robust": 1.0}], "checkpoint": "best", "seed": 0, "seconds": 1.0}
    (run.folder / "frontier.json").write_text(json.dumps(old))
    assert set(measured(run)) == set(GRID)
    assert len(written(run)["points"]) == len(GRID)


def test_on_another_machine_only_the_clock_runs_again(run, monkeypatch):
    measured(run)
    before = written(run)
    monkeypatch.setattr(ledger, "timing_of", lambda run: {"machine": "another"})
    assert measured(run) == [(1.0, 1.0)]  # for the cost of its dial
    after = written(run)
    assert after["timing"] == {"machine": "another"}
    assert [p["robust"] for p in after["points"]] == [p["robust"] for p in before["points"]]
    assert after["points"][0]["latency"] != before["points"][0]["latency"]


def test_a_position_off_the_dial_is_refused_before_anything_is_measured(run):
    with pytest.raises(ValueError, match="not on this dial"):
        list(measure_frontier(run, [Position(0.0, 1.0), Position(0.0, 0.7)], ATTACK))
    assert not list(run.folder.iterdir())
