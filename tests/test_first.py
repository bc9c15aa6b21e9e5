"""Standard training before a recipe: `train RECIPE --first N`."""

import pytest
import torch

from robustdial import record
from robustdial.cli import run

SMALL = ["--model-width", "4", "--limit", "200", "--batch", "32", "--epochs", "2", "--steps", "1", "--eps", "0.1"]


def trained(out, name, *more):
    return run(["train", name, *SMALL, "--out", str(out), *more])


def test_a_run_starts_from_its_first_part_and_is_taught_by_it(tmp_path):
    out, first = tmp_path / "x", tmp_path / "x-first"
    assert trained(out, "radial", "--first", "1") == 0
    about, before = record.read_run(out), record.read_run(first)
    assert about["run"]["start"] == about["run"]["teacher"] == str(first)
    assert (about["run"]["distil"], about["knobs"]["warm"]) == (0.5, 0.0)
    assert (before["recipe"], before["run"]["epochs"], before["run"]["distil"]) == ("clean", 1, 0.0)


def test_what_is_asked_for_goes_before(tmp_path):
    assert trained(tmp_path / "x", "radial", "--first", "1", "--distil", "0.2", "--warm", "0.5") == 0
    about = record.read_run(tmp_path / "x")
    assert (about["run"]["distil"], about["knobs"]["warm"]) == (0.2, 0.5)


def test_a_first_part_that_has_no_share_of_the_labels_is_no_teacher(tmp_path):
    assert trained(tmp_path / "x", "oat", "--first", "1", "--distil", "0") == 0
    settings = record.read_run(tmp_path / "x")["run"]
    assert (settings["start"], settings["teacher"]) == (str(tmp_path / "x-first"), None)


def test_self_training_asks_its_first_part_for_pseudo_labels_alone(tmp_path):
    assert trained(tmp_path / "x", "rst", "--first", "1", "--labelled", "60") == 0
    about = record.read_run(tmp_path / "x")
    assert (about["run"]["teacher"], about["run"]["distil"]) == (str(tmp_path / "x-first"), 0.0)


def test_a_first_part_that_is_there_is_used_as_it_is(tmp_path):
    out, first = tmp_path / "x", tmp_path / "x-first"
    assert run(["train", "clean", *SMALL[:-4], "--epochs", "1", "--out", str(first)]) == 0
    weights = record.read_tensors(first / record.BEST)[0]
    assert trained(out, "oat", "--first", "1") == 0
    for name, value in record.read_tensors(first / record.BEST)[0].items():
        assert torch.equal(value, weights[name])


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--first", "1", "--start", "runs/z"], "--first trains the network that --start and --teacher would name"),
        (["--first", "2"], "is a first part with other settings"),
        (["--first", "1", "--lr", "0.2"], "is a first part with other settings"),
        (["--first", "-1"], "--first -1 is no number of epochs"),
        (["--first", "1", "--resume"], "is not a run folder"),
    ],
)
def test_a_first_part_that_does_not_fit_is_refused(tmp_path, capsys, flags, words):
    assert run(["train", "clean", *SMALL[:-4], "--epochs", "1", "--out", str(tmp_path / "x-first")]) == 0
    capsys.readouterr()
    assert trained(tmp_path / "x", "oat", *flags) == 2
    assert words in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "x").exists()
