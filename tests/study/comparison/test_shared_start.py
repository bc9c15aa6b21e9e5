"""A comparison whose methods share a standard start: trained once, taught by it, paid for by each."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from robustdial import record
from robustdial.cli.main import run
from robustdial.report import render
from robustdial.study.comparison import begin, compare, reopen

SIZE = ["--model-width", "4", "--limit", "200", "--batch", "64", "--epochs", "1", "--n", "20", "--attack", "pgd-2"]


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    out = tmp_path_factory.mktemp("first") / "c"
    words = ["compare", "oat:steps=1,lambdas=0,1", "fgsm-rs", "--first", "2", "--eps", "0.1", *SIZE, "--out", str(out)]
    assert run(words) == 0
    return out


def about(out):
    return json.loads((out / record.COMPARE).read_text())


def test_every_method_starts_from_it_and_is_taught_by_it(compared):
    start = compared / "start-seed0"
    assert (record.read_run(start)["recipe"], len(record.read_epochs(start))) == ("clean", 2)
    for folder in (path for path in compared.glob("*-seed0") if path != start):
        settings = record.read_run(folder)["run"]
        assert Path(settings["start"]) == Path(settings["teacher"]) == start
        assert settings["distil"] == 0.5


def test_its_passes_and_seconds_count_for_every_method(compared):
    start = sum(epoch["seconds"] for epoch in record.read_epochs(compared / "start-seed0"))
    (row,) = [row for row in about(compared)["rows"] if row["recipe"] == "fgsm-rs"]
    own = record.read_epochs(compared / "fgsm-rs-seed0")
    assert row["seconds"]["mean"] == pytest.approx(start + own[0]["seconds"])
    assert row["passes"]["mean"] == pytest.approx((2 * 1 + 2) / 3)


def test_it_is_said_and_kept_for_going_on(compared):
    assert reopen(compared).first.epochs == 2
    page = render(compared).read_text("utf-8")
    assert "Every method starts from the same 2 epochs of standard training" in page
    assert "1 epochs each, after 2 of standard training" in page


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--first", "-1"], "--first -1 is no number of epochs"),
        (["--first", "1", "--start", "x"], "Leave these out"),
        (["--first", "1", "--distil", "2"], "--distil 2 is not a share"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path, capsys, words, told):
    assert run(["compare", "fgsm-rs", *SIZE, *words, "--out", str(tmp_path / "c")]) == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "c").exists()


def test_stopped_in_the_start_it_goes_on_and_ends_alike(compared, tmp_path):
    whole = reopen(compared)
    made = replace(whole, run=replace(whole.run, out=str(tmp_path / "c")))
    begin(made)
    turns = compare(made)
    next(turns)
    turns.close()
    list(compare(reopen(made.folder)))
    for mine, theirs in zip(about(made.folder)["rows"], about(compared)["rows"], strict=True):
        assert (mine["clean"], mine["robust"], mine["passes"]) == (theirs["clean"], theirs["robust"], theirs["passes"])
