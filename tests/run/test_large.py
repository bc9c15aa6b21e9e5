"""A set that is not kept in memory: trained on, stopped, continued and measured by the command line."""

import shutil
import signal

import numpy as np
import pytest
import torch
from PIL import Image

from robustdial import record
from robustdial.cli import main
from robustdial.cli.commands import training_progress

TRAIN = ["train", "radial", "--eps", "0.1", "--model-width", "4", "--epochs", "2", "--steps", "1", "--batch", "8"]
TRAIN += ["--precision", "float32", "--size", "12"]
CARRY_OUT = training_progress.training_loop


def stopped_at(number):
    """`training_loop`, in which a polite kill comes after so many batches."""

    def carried_out(experiment):
        for place, step in enumerate(CARRY_OUT(experiment), start=1):
            if place == number:
                signal.raise_signal(signal.SIGTERM)
            yield step

    return carried_out


def last(folder):
    tensors, about = record.read_tensors(folder / record.LAST)
    return tensors, {name: about[name] for name in ("epoch", "batch", "schedule", "best")}


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    root, noise = tmp_path_factory.mktemp("set"), np.random.default_rng(0)
    for part, number in (("train", 20), ("test", 6)):
        for k, name in enumerate(("cat", "dog")):
            (root / part / name).mkdir(parents=True)
            for n in range(number):
                pixels = noise.integers(0, 120, (18, 14 + n % 3, 3)) + 100 * k
                Image.fromarray(pixels.astype(np.uint8)).save(root / part / name / f"{n}.jpg")
    return root


@pytest.fixture(scope="module")
def whole(photographs, tmp_path_factory):
    """A run in memory, never stopped."""
    out = tmp_path_factory.mktemp("runs") / "whole"
    assert main.run([*TRAIN, "--data", f"folder:{photographs}", "--workers", "0", "--out", str(out)]) == 0
    return out


@pytest.mark.parametrize(
    "batches",
    [pytest.param(2, marks=pytest.mark.slow, id="in the first epoch"), pytest.param(6, id="in the second")],
)
def test_a_streamed_run_that_is_stopped_ends_with_the_bits_of_one_in_memory(
    photographs, whole, tmp_path, monkeypatch, batches
):
    out = str(tmp_path / "run")
    monkeypatch.setattr(training_progress, "training_loop", stopped_at(batches))
    assert main.run([*TRAIN, "--data", f"folder:{photographs}", "--workers", "2", "--out", out]) == 130
    assert last(tmp_path / "run")[1]["batch"] == batches % 4
    monkeypatch.setattr(training_progress, "training_loop", CARRY_OUT)
    assert main.run(["train", "radial", "--resume", "--out", out, "--workers", "1"]) == 0
    (one, its_end), (other, end) = last(whole), last(tmp_path / "run")
    assert its_end == end
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)
    about = record.read_run(tmp_path / "run")
    assert about["run"]["workers"] == 1
    assert any("not kept in memory" in note for note in about["data"]["notes"])


@pytest.mark.parametrize(
    "command",
    [
        "evaluate {} --lam 0 --attack pgd-1 --n 12",
        pytest.param("frontier {} --lams 0 1 --attack pgd-1 --n 12", marks=pytest.mark.slow),
    ],
)
def test_what_measures_a_run_reads_its_streamed_test_part(whole, tmp_path, capsys, command):
    shutil.copytree(whole, tmp_path / "run")
    about = record.read_run(whole)
    record.write_json(tmp_path / "run" / record.RUN, about | {"run": about["run"] | {"workers": 1}})
    assert main.run(command.format(tmp_path / "run").split()) == 0
    assert "not kept in memory" in " ".join(capsys.readouterr().out.split())
