"""Standard training before a recipe: `train RECIPE --first N`."""

import pytest

from robustdial import record
from robustdial.cli.main import run
from robustdial.run import Run, start
from robustdial.run.training_loop import training_loop

SIZE = ["--model-width", "4", "--limit", "200", "--batch", "32"]
SMALL = [*SIZE, "--epochs", "2", "--steps", "1", "--eps", "0.1"]


def trained(out, name, *more):
    return run(["train", name, *SMALL, "--out", str(out), *more])


def test_a_run_starts_from_its_first_part_and_is_taught_by_it(tmp_path):
    out, first = tmp_path / "x", tmp_path / "x-first"
    assert trained(out, "radial", "--norm", "l2", "--first", "1") == 0
    about, before = record.read_run(out), record.read_run(first)
    assert about["run"]["start"] == about["run"]["teacher"] == str(first)
    assert (about["run"]["distil"], about["knobs"]["warm"]) == (0.5, 0.0)
    assert (before["recipe"], before["run"]["epochs"], before["run"]["distil"]) == ("clean", 1, 0.0)
    assert before["threat"] == about["threat"] == "L2"


def test_a_first_part_serves_another_run_in_the_words_of_the_page(tmp_path):
    again = ["--start", str(tmp_path / "x-first"), "--teacher", str(tmp_path / "x-first"), "--distil", "0.5"]
    assert trained(tmp_path / "x", "radial", "--first", "1") == 0
    assert trained(tmp_path / "y", "radial", *again, "--warm", "0") == 0  # docs/tutorials/your-photos.md
    one, other = (record.read_tensors(tmp_path / name / record.LAST)[0] for name in "xy")
    assert one.keys() == other.keys() and all(one[key].equal(other[key]) for key in one)


def test_what_is_asked_for_goes_before(tmp_path):
    assert trained(tmp_path / "x", "radial", "--first", "1", "--distil", "0.2", "--warm", "0.5") == 0
    about = record.read_run(tmp_path / "x")
    assert (about["run"]["distil"], about["knobs"]["warm"]) == (0.2, 0.5)


@pytest.mark.parametrize("flags", [["--distil", "0"], ["--label-smoothing", "0.1"]])
def test_a_first_part_that_has_no_share_of_the_labels_is_no_teacher(tmp_path, flags):
    assert trained(tmp_path / "x", "oat", "--first", "1", *flags) == 0
    settings = record.read_run(tmp_path / "x")["run"]
    assert (settings["start"], settings["teacher"]) == (str(tmp_path / "x-first"), None)


def test_self_training_asks_its_first_part_for_pseudo_labels_alone(tmp_path):
    assert trained(tmp_path / "x", "rst", "--first", "1", "--labelled", "60") == 0
    about = record.read_run(tmp_path / "x")
    assert (about["run"]["teacher"], about["run"]["distil"]) == (str(tmp_path / "x-first"), 0.0)


def test_a_first_part_that_is_there_is_used_as_it_is(tmp_path):
    out, first = tmp_path / "x", tmp_path / "x-first"
    assert run(["train", "clean", *SIZE, "--epochs", "1", "--out", str(first)]) == 0
    before = (first / record.BEST).stat().st_mtime_ns
    assert trained(out, "oat", "--first", "1") == 0
    assert (first / record.BEST).stat().st_mtime_ns == before


def test_the_same_command_goes_on_with_a_first_part_that_was_stopped(tmp_path, capsys):
    first = tmp_path / "x-first"
    settings = Run(model_width=4, limit=200, batch=32, epochs=2, out=str(first))
    experiment = start("clean", {"eps": 0.1, "norm": "linf"}, settings)
    next(training_loop(experiment))
    experiment.save()
    assert trained(tmp_path / "x", "oat", "--first", "2", "--resume") == 2
    assert "Give the whole command again without --resume" in " ".join(capsys.readouterr().err.split())
    assert trained(tmp_path / "x", "oat", "--first", "2") == 0
    assert len(record.read_epochs(first)) == 2
    assert record.read_run(first)["created"] == experiment.about["created"]


@pytest.mark.parametrize(
    ("name", "flags", "words"),
    [
        ("oat", ["--first", "1", "--start", "runs/z"], "--first trains the network that --start and --teacher would"),
        ("oat", ["--first", "-1"], "--first -1 is no number of epochs"),
        ("rst", ["--first", "1"], "learns from unlabelled images too"),
        ("radial", ["--first", "1", "--warm", "0.5", "--epochs", "1"], "One epoch is all warm part"),
    ],
)
def test_what_cannot_follow_is_refused_before_the_first_part(tmp_path, capsys, name, flags, words):
    assert trained(tmp_path / "x", name, *flags) == 2
    assert words in " ".join(capsys.readouterr().err.split())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("name", "flags"), [("clean", ["--epochs", "2"]), ("clean", ["--lr", "0.2"]), ("oat", [])])
def test_another_run_is_no_first_part(tmp_path, capsys, name, flags):
    assert run(["train", name, *SIZE, "--epochs", "1", *flags, "--out", str(tmp_path / "x-first")]) == 0
    capsys.readouterr()
    assert trained(tmp_path / "x", "oat", "--first", "1") == 2
    assert "is a run with other settings than this first part" in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "x").exists()
