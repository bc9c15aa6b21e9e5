"""The command line as a user meets it: what it prints, what it writes, how it refuses."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest
import torch
from safetensors.torch import load_file

from robustdial import record
from robustdial.cli import main

TRAIN = [
    "train",
    "oat",
    "--model-width",
    "4",
    "--epochs",
    "2",
    "--steps",
    "2",
    "--eps",
    "0.3",
    "--limit",
    "300",
    "--precision",
    "float32",
]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A small run that has been trained and measured."""
    folder = tmp_path_factory.mktemp("runs") / "small"
    assert main.run([*TRAIN, "--out", str(folder)]) == 0
    assert main.run(["frontier", str(folder), "--attack", "pgd-3", "--n", "50"]) == 0
    return folder


def test_a_run_folder_has_everything(finished):
    names = {path.name for path in finished.iterdir()}
    stems = {"last", "healthy", "best", "pictures"}  # a dial keeps a state to go back to
    assert names == {"run.json", "epochs.jsonl", "frontier.json", "report.html"} | {
        f"{s}{e}" for s in stems for e in (".safetensors", ".json")
    }


def test_the_frontier_has_the_agreed_form(finished):
    points = json.loads((finished / "frontier.json").read_text())["points"]
    assert [point["lam"] for point in points] == [0.0, 0.1, 0.2, 0.3, 0.4, 0.7, 1.0]
    for point in points:
        assert point["n"] == 50
        assert point["width"] == 1.0
        assert point["attack"] == "pgd-3"
        assert point["trained"] == (point["lam"] != 0.7)
        assert 0 <= point["robust"] <= point["clean"] <= 1
        assert point["clean_interval"][0] <= point["clean"] <= point["clean_interval"][1]


def test_every_epoch_has_its_line(finished):
    lines = [json.loads(line) for line in (finished / "epochs.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2]
    assert {"loss", "passes", "lr", "seconds", "images", "val", "score"} <= lines[0].keys()


def test_the_run_says_where_it_comes_from(finished):
    about = json.loads((finished / "run.json").read_text())
    assert about["knobs"]["eps"] == 0.3
    assert about["method"]["objective"] == {"type": "Blend", "share": 1.0}
    assert about["versions"]["torch"] == torch.__version__
    assert {"cpu", "cores", "gpu"} == about["machine"].keys()


def test_training_prints_its_cost(tmp_path, capsys):
    assert main.run([*TRAIN, "--out", str(tmp_path / "run")]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert re.search(r"cost: [\d,]+ images x [\d.]+ passes = [\d,]+ passes, about .* h\)", out)
    assert "best epoch" in out


def test_evaluate_adds_to_the_score(finished, capsys):
    for lam in ("0.4", "0.25"):
        assert main.run(["evaluate", str(finished), "--lam", lam, "--attack", "pgd-2", "--n", "40"]) == 0
    scores = json.loads((finished / "score.json").read_text())["scores"]
    assert [(s["lam"], s["trained"], s["n"]) for s in scores] == [(0.4, True, 40), (0.25, False, 40)]
    assert "95 %" in capsys.readouterr().out


def test_measuring_twice_gives_the_same_numbers(finished):
    points = []
    for _ in range(2):
        (finished / "frontier.json").unlink()
        assert main.run(["frontier", str(finished), "--attack", "pgd-3", "--n", "50", "--lams", "0", "0.05", "1"]) == 0
        measured = json.loads((finished / "frontier.json").read_text())["points"]
        points.append([{key: value for key, value in p.items() if "latency" not in key} for p in measured])
    assert points[0] == points[1]


def test_a_method_without_a_dial_goes_all_the_way(tmp_path, capsys):
    folder = tmp_path / "fixed"
    assert main.run(["train", "pgd-at", *TRAIN[2:], "--out", str(folder)]) == 0
    assert main.run(["frontier", str(folder), "--attack", "pgd-2", "--n", "20"]) == 0
    (point,) = json.loads((folder / "frontier.json").read_text())["points"]
    assert point["lam"] is None
    assert "fixed" in capsys.readouterr().out


def test_resuming_a_finished_run_changes_nothing(finished):
    before = (finished / "last.safetensors").read_bytes()
    assert main.run([*TRAIN, "--out", str(finished), "--resume"]) == 0
    assert (finished / "last.safetensors").read_bytes() == before


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["trian"], "no command 'trian'. The nearest is 'train'"),
        (["train", "oatt"], "no recipe 'oatt'. The nearest is 'oat'"),
        (["train", "oat", "--epsilon", "8/255"], "There is no flag --epsilon. The nearest is --eps."),
        (["evaluate", "runs/x", "--lambda", "0.4"], "The nearest is --lam."),
        (["train", "oat", "--epochs", "many"], "--epochs"),
        (["train", "oat", "--eps", "8"], "8/255, or 8px"),
        (["train", "oat", "--eps", "eight"], "Write it as 8/255, 8px or 0.031"),
        (["train", "oat", "--eps", "0"], "positive radius"),
        (["train", "oat", "--model", "resnet81"], "resnet18"),
        (["train", "oat", "--data", "cifar11"], "cifar10"),
        (["train", "oat", "--data", "folder:/no/such/folder"], "/no/such/folder"),
        (["train", "oat", "--data", "parquet:/no/such/file"], "/no/such/file"),
        (["train", "oat", "--epochs", "0"], "--epochs 0 is not positive"),
        (["train", "oat", "--val", "0"], "Hold out a part"),
        (["train", "oat", "--lambdas", "0", "2"], "between 0 and 1"),
        (["train", "oat", "--code", "3", "--encoding", "orthogonal"], "cannot tell 6 lambdas apart"),
        (["train", "oat", "--device", "tpu9"], "is not supported"),
        (["train", "oat", "--device", "meta"], "is not supported"),
        (["train", "oat", "--device", "cuda:99"], "CUDA devices here"),
        (["train", "oat", "--seed", "99999999999999"], "out of range"),
        (["train", "oat", "--code", "1"], "at least 2"),
        (["train", "oat", "--limit", "5"], "limit"),
        (["train", "oat", "--film", "papre"], "paper"),
        (["evaluate", "/no/such/run"], "not a run folder"),
        (["frontier", "/no/such/run"], "not a run folder"),
        (["report", "/no/such/run"], "not a run folder"),
        (["evaluate"], "run"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input_is_one_line_and_exit_code_2(argv, words, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main.run(argv) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1, err
    assert words in err
    assert not list(tmp_path.iterdir()), "something was written"


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--attack", "autoattakc"], "not an attack"),
        (["--lam", "1.5"], "nearest 1"),
        (["--n", "0"], "at least one image"),
        (["--width", "0.3"], "width=0.3 is not on this dial"),
    ],
)
def test_bad_measuring_is_one_line(finished, argv, words, capsys):
    assert main.run(["evaluate", str(finished), *argv]) == 2
    assert words in capsys.readouterr().err


def test_an_existing_run_is_not_overwritten(finished, capsys):
    before = {path.name: path.read_bytes() for path in finished.iterdir() if path.is_file()}
    assert main.run([*TRAIN, "--out", str(finished)]) == 2
    assert "already holds a run" in capsys.readouterr().err
    assert before == {path.name: path.read_bytes() for path in finished.iterdir() if path.is_file()}


def test_resuming_with_another_setting_is_refused(finished, capsys):
    assert main.run([*TRAIN, "--out", str(finished), "--resume", "--seed", "7"]) == 2
    assert "seed = 0, not 7" in capsys.readouterr().err
    assert main.run(["train", "pgd-at", "--out", str(finished), "--resume"]) == 2
    assert "recipe = oat, not pgd-at" in capsys.readouterr().err


def test_a_checkpoint_that_was_deleted_is_asked_for(finished, tmp_path, capsys):
    shutil.copytree(finished, tmp_path / "x")
    (tmp_path / "x" / "last.safetensors").unlink()
    before = (tmp_path / "x" / "epochs.jsonl").read_text()
    assert main.run([*TRAIN, "--out", str(tmp_path / "x"), "--resume"]) == 2
    assert "last.safetensors is gone, from which the training would go on" in capsys.readouterr().err
    assert (tmp_path / "x" / "epochs.jsonl").read_text() == before


@pytest.mark.parametrize(("version", "says"), [(None, "put a copy of it back"), ("99.1", "written by robustdial 99.1")])
def test_a_run_with_knobs_of_another_version_names_it(finished, tmp_path, capsys, version, says):
    shutil.copytree(finished, tmp_path / "x")
    about = json.loads((tmp_path / "x" / "run.json").read_text())
    about["knobs"]["future"] = 1
    about["versions"]["robustdial"] = version or about["versions"]["robustdial"]
    (tmp_path / "x" / "run.json").write_text(json.dumps(about))
    assert main.run(["evaluate", str(tmp_path / "x")]) == 2
    assert says in capsys.readouterr().err


def test_what_cannot_be_made_again_is_not_to_be_deleted(finished, tmp_path, capsys):
    shutil.copytree(finished, tmp_path / "x")
    (tmp_path / "x" / "run.json").write_text("{")
    assert main.run(["report", str(tmp_path / "x")]) == 2
    assert "It cannot be made again" in capsys.readouterr().err


def test_the_demo_goes_on_with_no_other_run(finished, capsys):
    assert main.run(["demo", "--out", str(finished)]) == 2
    assert "is a run on digits, not the demo. Choose another --out." in capsys.readouterr().err


def test_a_run_that_was_moved_can_be_resumed(finished, tmp_path):
    shutil.copytree(finished, tmp_path / "moved")
    assert main.run([*TRAIN, "--out", str(tmp_path / "moved"), "--resume"]) == 0


def test_a_lambda_off_the_dial_is_refused_before_measuring(finished, capsys):
    before = (finished / "frontier.json").read_bytes()
    assert main.run(["frontier", str(finished), "--lams", "0", "1.5"]) == 2
    assert "nearest 1" in capsys.readouterr().err
    assert before == (finished / "frontier.json").read_bytes()


def stoppable(folder, *more):
    return [*TRAIN, "--epochs", "8", "--save-every", "0", "--out", str(folder), *more]


def started(folder):
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "robustdial", *stoppable(folder)]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    deadline = time.monotonic() + 120
    while not (folder / record.EPOCHS).exists() or len(record.read_epochs(folder)) < 2:
        assert process.poll() is None, process.stdout.read()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return process


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "whole"
    assert main.run(stoppable(folder)) == 0
    return load_file(folder / record.LAST)


@pytest.mark.parametrize(
    "number",
    [signal.SIGKILL, pytest.param(signal.SIGINT, marks=pytest.mark.slow)],
    ids=lambda number: number.name,
)
def test_a_stopped_run_ends_bit_identical(tmp_path, number, undisturbed):
    folder = tmp_path / "run"
    process = started(folder)
    process.send_signal(number)
    out, _ = process.communicate(timeout=60)
    if number != signal.SIGKILL:
        assert process.returncode == 130
        assert f"--resume --out {folder}" in " ".join(out.split())
    assert len(record.read_epochs(folder)) < 8, "the run was over before the signal came"
    assert main.run(stoppable(folder, "--resume")) == 0
    tensors = load_file(folder / record.LAST)
    assert tensors.keys() == undisturbed.keys()
    assert all(torch.equal(tensors[name], value) for name, value in undisturbed.items())
