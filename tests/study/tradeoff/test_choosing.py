"""Choosing: searched on the validation part, told on the test part, and what the command says of it."""

import json
from pathlib import Path

import pytest

from robustdial import record
from robustdial.attack import PGDAttack
from robustdial.cli import main
from robustdial.cli.help import human
from robustdial.evaluate import Position
from robustdial.study.tradeoff import Targets, choice_ledger, choosing, conclude, frontier_ledger, ledger, search

ATTACK = PGDAttack(2)


@pytest.fixture
def run(run, monkeypatch):
    """A run whose accuracies are lines over lambda: lower for narrow widths, and one percent lower on the test part."""
    run.measured = []

    def measure_point(experiment, lam, attack, n=None, seed=0, *, width=1.0, source=None):
        part = "val" if source is run.data.val else "test"
        run.measured.append((part, lam, width))
        clean, robust = 0.98 - 0.1 * lam, 0.1 + 0.5 * lam
        lost = 0.05 * (1 - width) + 0.01 * (part == "test")
        measured = {"n": 100, "attack": "pgd-2", "eps": 0.1, "trained": lam in (0.0, 1.0)}
        return {"lam": lam, "width": width, "clean": clean - lost, "robust": robust - lost, **measured}

    monkeypatch.setattr(ledger, "measure_point", measure_point)
    monkeypatch.setattr(choosing, "measure_point", measure_point)
    return run


def chosen(run, **targets):
    book, asked = choice_ledger(run, ATTACK), Targets(**targets)
    list(search(book, asked, refine=6))
    return conclude(book, asked)


def test_the_search_stays_on_the_validation_part_and_the_test_part_is_seen_once(run):
    answer = chosen(run, clean_min=0.95)
    parts = [part for part, _, _ in run.measured]
    assert parts[-1] == "test"
    assert set(parts[:-1]) == {"val"}
    assert (answer["lam"], answer["width"]) == pytest.approx((0.3, 1.0), abs=0.02)
    assert answer["val"]["clean"] - answer["test"]["clean"] == pytest.approx(0.01)
    assert answer["met"]
    assert not answer["test_checks"][0]["met"]  # what the luckiest point promised


def test_a_second_question_measures_only_what_is_new(run):
    chosen(run, clean_min=0.95)
    before = len(run.measured)
    chosen(run, clean_min=0.95)
    assert [part for part, _, _ in run.measured[before:]] == ["test"]
    before = len(run.measured)
    chosen(run, clean_min=0.9)
    assert {(lam, width) for part, lam, width in run.measured[before:] if part == "val"}.isdisjoint(
        {(0.0, 1.0), (1.0, 1.0), (0.0, 0.5), (1.0, 0.5)}
    )


def test_widths_that_are_too_dear_are_not_measured(run):
    answer = chosen(run, macs_max=4)
    assert {width for _, _, width in run.measured} == {0.5}
    assert (answer["lam"], answer["width"]) == (1.0, 0.5)


def test_the_point_joins_a_frontier_of_the_same_conditions(run):
    frontier_ledger(run, ATTACK, None, 0).measure(Position(0.0, 1.0))
    answer = chosen(run, clean_min=0.95)
    points = json.loads((run.folder / "frontier.json").read_text())["points"]
    assert [p["lam"] for p in points] == [0.0, answer["lam"]]


def test_a_frontier_of_other_conditions_is_left_alone(run):
    frontier_ledger(run, PGDAttack(5), None, 0).measure(Position(0.0, 1.0))
    before = (run.folder / "frontier.json").read_bytes()
    chosen(run, clean_min=0.95)
    assert (run.folder / "frontier.json").read_bytes() == before


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("runs") / "small")
    settings = ["--model-width", "4", "--epochs", "2", "--steps", "2", "--eps", "0.1", "--limit", "300"]
    dial = ["--lambdas", "0", "1", "--widths", "0.5", "1"]
    assert main.run(["train", "oats", *settings, *dial, "--precision", "float32", "--out", folder]) == 0
    return folder


QUICK = ["--attack", "pgd-2", "--n", "30", "--refine", "1"]


def test_the_answer_is_the_same_for_programs_and_for_readers(trained, capsys):
    assert main.run(["choose", trained, "--clean-min", "0.01", *QUICK, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["met"]
    assert answer == record.read_json(Path(trained, record.CHOOSE))["answer"]
    assert main.run(["choose", trained, "--clean-min", "0.01", "--width-max", "0.5", *QUICK]) == 0
    narrow = record.read_json(Path(trained, record.CHOOSE))["answer"]
    out = " ".join(capsys.readouterr().out.split())
    assert f"robustdial bake {trained} --lam {human(narrow['lam'])} --width 0.5" in out
    assert "30 validation images; the 30 test images had no say in it" in out


def test_narrow_networks_are_cheaper(trained):
    assert main.run(["frontier", trained, "--attack", "pgd-1", "--n", "10"]) == 0
    wide, narrow = record.read_json(Path(trained, record.FRONTIER))["costs"]
    assert (wide["width"], narrow["width"]) == (1.0, 0.5)
    assert narrow["macs"] < wide["macs"] / 3
    assert narrow["parameters"] < wide["parameters"] / 3


def test_an_attack_that_does_not_suit_the_threat_is_refused(tmp_path, capsys):
    out = str(tmp_path / "x")
    small = ["--model-width", "4", "--epochs", "1", "--limit", "300", "--precision", "float32"]
    assert main.run(["train", "spatial-at", *small, "--out", out]) == 0
    assert main.run(["choose", out, "--clean-min", "0.1", "--attack", "deepfool"]) == 2
    assert "robustdial:" in capsys.readouterr().err


def test_out_of_reach_is_exit_code_1_with_the_nearest_point(trained, capsys):
    assert main.run(["choose", trained, "--params-max", "100", "--robust-min", "1", *QUICK]) == 1
    out = " ".join(capsys.readouterr().out.split())
    assert "out of reach. The nearest is lambda" in out
    assert "robustdial bake" not in out
    assert "robust accuracy misses 100.0 % by" in out
    assert "times what was asked" in out


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        ([], "at least one of --clean-min"),
        (["--clean-min", "92"], "Write 92 % as 0.92"),
        (["--latency-max", "soon"], "is not a time"),
        (["--latency-max", "5"], "Write it with its unit"),
        (["--latency-max", "5M"], "Write it with its unit"),
        (["--macs-max", "5ms"], "is not a number. Write 100M"),
        (["--clean-min", "much"], "Write 0.92 or 92%"),
        (["--clean-min", "0.9", "--refine", "-1"], "no number of measurements"),
        (["--clean-min", "0.9", "--attack", "pgd"], "is not an attack"),
    ],
)
def test_bad_questions_are_one_line(trained, argv, words, capsys):
    assert main.run(["choose", trained, *argv]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert words in err
