"""What was decided when the data was read is told wherever a number is told."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from robustdial import record
from robustdial.cli import main

NETWORK = """
import torch

def build():
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 16 * 16, 2))
"""
DATA = ("--data", "folder:my [set]")
TRAIN = ("train", "clean", "--epochs", "1", "--batch", "16", "--model-width", "4", *DATA)
FIFTH = "a fifth of the images (8) is set apart"
ALPHA = "Transparent pixels are laid over white: 40 of 40 images have an alpha channel."


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a set without parts, `my [set]`, of images with an alpha channel; and with a network."""
    root = tmp_path_factory.mktemp("told")
    for k, name in enumerate("ab"):
        (root / "my [set]" / name).mkdir(parents=True)
        for n in range(20):
            noise = np.random.default_rng(100 * k + n).integers(0, 80, (16, 16, 4))
            Image.fromarray((noise + np.array([120 * k, 0, 0, 170])).astype(np.uint8)).save(
                root / "my [set]" / name / f"{n}.png"
            )
    (root / "net.py").write_text(NETWORK)
    return root


def called(*words: str) -> None:
    assert main.run(list(words)) == 0


@pytest.fixture(scope="module")
def run(place):
    """A run, started in the folder of its data, whose path is relative."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        called(
            *["train", "clean", "--epochs", "1", "--batch", "16", "--model-width", "4", "--out", "run", "--data"],
            "folder:my [set]",
        )
    return place / "run"


def test_train_prints_and_keeps_it(run, place, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(place)
    called(
        *["train", "clean", "--epochs", "1", "--batch", "16", "--model-width", "4", "--data"],
        "folder:my [set]",
        "--out",
        str(tmp_path / "x"),
    )
    out = capsys.readouterr().out
    notes = record.read_run(run)["data"]["notes"]
    assert notes[0] == ALPHA
    assert FIFTH in notes[1]
    assert all(f"data: {note}" in out for note in notes)


@pytest.mark.parametrize(
    "command",
    ["frontier {}", "evaluate {} --attack fgsm", "choose {} --width-max 1 --attack fgsm", "bake {} --attack fgsm"],
)
def test_every_command_prints_it_wherever_it_is_called(run, tmp_path, capsys, monkeypatch, command):
    monkeypatch.chdir(tmp_path)  # the path of the data was relative to another directory
    called(*command.format(run).split(), "--n", "8")
    out = capsys.readouterr().out
    assert ALPHA in out
    assert FIFTH in out


def test_it_stands_in_score_card_and_page(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    called("evaluate", str(run), "--attack", "fgsm", "--n", "8")
    called("bake", str(run), "--attack", "fgsm", "--n", "8", "--out", str(tmp_path / "baked"))
    score = json.loads((run / record.SCORE).read_text())["scores"][-1]
    assert score["notes"] == record.read_run(run)["data"]["notes"]
    for text in ((run / "report.html").read_text(), (tmp_path / "baked" / "README.md").read_text()):
        assert ALPHA in text
        assert FIFTH in text


def test_json_is_not_mixed_with_it(run, capsys):
    called("choose", str(run), "--width-max", "1", "--attack", "fgsm", "--n", "8", "--json")
    told = capsys.readouterr()
    assert json.loads(told.out)["met"]
    assert ALPHA in told.err


def test_a_foreign_network_is_measured_on_the_whole_of_a_set_without_parts(place, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(place)
    called(
        *["evaluate", "--model", "net.py:build", "--attack", "fgsm", "--data"],
        "folder:my [set]",
        "--out",
        str(tmp_path),
    )
    score = json.loads((tmp_path / record.SCORE).read_text())["scores"][0]
    whole = "It is not divided into parts: all of its 40 images are measured."
    assert score["n"] == 40
    order = "The logits are taken to stand for a, b, in this order. If they do not, give --classes."
    drawn = (
        "net.py:build gives other weights whenever it is called (2 of 2 tensors), as where they are drawn at random: "
        "such a network is untrained. Load them in it, or give --weights."
    )
    assert score["notes"] == [ALPHA, whole, order, drawn]
    printed = capsys.readouterr().out
    assert f"data: {whole}" in printed and f"network: {drawn}" in printed
    assert whole in (tmp_path / "report.html").read_text()


def test_a_background_is_part_of_the_run(place, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(place)
    called(*TRAIN, "--background", "black", "--out", str(tmp_path / "x"))
    assert record.read_run(tmp_path / "x")["run"]["background"] == "black"
    assert "laid over black" in capsys.readouterr().out
    assert main.run(["train", "clean", "--resume", "--background", "white", "--out", str(tmp_path / "x")]) == 2
    assert "has background = black, not white" in capsys.readouterr().err


def test_nothing_to_see_is_nothing_to_train_on(tmp_path, capsys):
    for name in "ab":
        (tmp_path / "set" / name).mkdir(parents=True)
        for n in range(10):
            Image.new("RGBA", (16, 16), (255, 255, 255, n)).save(tmp_path / "set" / name / f"{n}.png")
    assert main.run(["train", "clean", "--data", f"folder:{tmp_path / 'set'}", "--out", str(tmp_path / "run")]) == 2
    assert "has the same value: there is nothing to learn" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_run_is_not_measured_on_data_that_has_changed(place, run, capsys, monkeypatch):
    monkeypatch.chdir(place)
    more = place / "my [set]" / "a" / "more.png"
    more.write_bytes((more.parent / "0.png").read_bytes())
    try:
        assert main.run(["evaluate", str(run), "--attack", "fgsm"]) == 2
    finally:
        more.unlink()
    assert "has changed since the run in" in capsys.readouterr().err
