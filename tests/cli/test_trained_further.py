"""Numbers belong to weights: after more training, what was measured before is on no page and on no card."""

import json
import shutil
from pathlib import Path

import pytest
import torch

from robustdial import record
from robustdial.cli import main
from robustdial.report.folder import read
from robustdial.report.page import render
from robustdial.run import resume, trained
from robustdial.ship.hub import save_pretrained


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    out = tmp_path_factory.mktemp("run") / "x"
    small = ["--model-width", "4", "--epochs", "2", "--limit", "300", "--steps", "1", "--precision", "float32"]
    assert main.run(["train", "oat", *small, "--lambdas", "0", "1", "--out", str(out)]) == 0
    assert main.run(["frontier", str(out), "--attack", "pgd-1", "--n", "20"]) == 0
    assert main.run(["cross", str(out), "--attack", "pgd-1", "--n", "20"]) == 0
    return out


@pytest.fixture
def folder(made, tmp_path):
    """A copy of the run, to spoil."""
    return Path(shutil.copytree(made, tmp_path / "x"))


def trained_further(folder):
    run = trained(folder)
    with torch.no_grad():
        next(run.state.model.parameters()).add_(0.01)
    run.save_best(1.0, [])


def test_what_was_measured_is_shown_while_the_weights_are_the_same(folder, tmp_path):
    assert record.served_weights(folder) == record.read_json(folder / record.FRONTIER)["weights"]
    assert (read(folder).outdated, len(read(folder).points)) == ((), 3)
    save_pretrained(folder, tmp_path / "out")
    assert "Wilson intervals" in (tmp_path / "out" / "README.md").read_text()


def test_numbers_of_earlier_weights_are_left_out_and_said_to_be(folder, tmp_path):
    trained_further(folder)
    about = read(folder)
    assert (about.outdated, about.points, about.cross, about.pictures) == (("frontier", "cross"), [], {}, None)
    page = render(folder).read_text()
    assert "give robustdial frontier and robustdial cross again" in page
    save_pretrained(folder, tmp_path / "out")
    assert "Not measured yet" in (tmp_path / "out" / "README.md").read_text()


def test_numbers_under_other_conditions_are_kept_beside_the_new_ones(folder):
    before = json.loads((folder / record.FRONTIER).read_text())
    assert main.run(["frontier", str(folder), "--attack", "pgd-1", "--n", "10", "--lams", "0"]) == 0
    assert json.loads((folder / "frontier-before.json").read_text()) == before
    assert json.loads((folder / record.FRONTIER).read_text())["n"] == 10
    assert main.run(["frontier", str(folder), "--attack", "pgd-1", "--n", "20"]) == 0
    again = json.loads((folder / record.FRONTIER).read_text())
    assert (again["points"], again["seconds"]) == (before["points"], before["seconds"])  # found, not measured again
    assert json.loads((folder / "frontier-before.json").read_text())["n"] == 10


@pytest.mark.parametrize(
    ("name", "command", "words"),
    [
        ("run.json", ["frontier"], "put a copy of it back"),
        (
            "cross-rounds.safetensors",
            ["cross", "--attack", "pgd-1", "--n", "20"],
            "Delete it, and give the command again",
        ),
        ("best.safetensors", ["frontier"], "Delete it, and the newest network"),
        ("frontier.json", ["frontier", "--attack", "pgd-1", "--n", "20"], "Delete it, and give the command again"),
    ],
)
def test_a_damaged_file_is_named_with_a_remedy_that_helps(folder, name, command, words, capsys):
    (folder / name).write_bytes((folder / name).read_bytes()[:20])
    assert main.run([command[0], str(folder), *command[1:]]) == 2
    err = capsys.readouterr().err
    assert name in err
    assert words in err


def test_a_damaged_last_checkpoint_names_the_way_on(folder):
    (folder / record.LAST).write_bytes(b"nothing")
    with pytest.raises(ValueError, match="--start"):
        resume(folder)


def test_a_training_without_a_step_is_refused(tmp_path, capsys):
    assert main.run(["train", "oat", "--steps", "0", "--out", str(tmp_path / "y")]) == 2
    assert "leaves the adversary no step" in capsys.readouterr().err


def test_a_training_that_diverges_is_told_as_one(tmp_path, capsys):
    small = ["--model-width", "4", "--epochs", "2", "--limit", "300", "--steps", "1", "--lr", "1e12"]
    assert main.run(["train", "oat", *small, "--out", str(tmp_path / "y")]) == 2
    err = capsys.readouterr().err
    assert "diverged" in err
    assert "lower --lr" in err


def test_a_run_is_no_place_for_what_is_baked(folder, capsys):
    assert main.run(["bake", str(folder), "--lam", "1", "--out", str(folder), "--n", "20", "--attack", "pgd-1"]) == 2
    assert "holds a run" in capsys.readouterr().err
