"""Recipes, networks and attacks of the user's, by their places in files, wherever one is named."""

import json
import shutil
import sys
from pathlib import Path

import pytest
import torch

from robustdial import open_model
from robustdial.cli import main
from robustdial.own_code import own

EXTEND = Path(__file__).parents[2] / "examples" / "extend"
ATTACK = f"{EXTEND / 'attack.py'}:Corners"
SMALL = ["--epochs", "1", "--limit", "120", "--batch", "64"]
BUILD = """
from torch import nn

def build(classes, shape, width=4):
    return nn.Sequential(nn.Conv2d(shape[0], width, 3), nn.BatchNorm2d(width), nn.ReLU(), nn.AdaptiveAvgPool2d(1),
                         nn.Flatten(), nn.Linear(width, classes))

def anything(**given):
    assert sorted(given) == ["classes", "mean", "shape", "std"], given
    return build(given["classes"], given["shape"])

class Branching(nn.Module):
    def __init__(self, classes, shape):
        super().__init__()
        self.net = build(classes, shape)

    def forward(self, x):
        return self.net(x) if x.detach().sum().item() < 1e9 else x

def broken(classes):
    return nn.Linear(classes, undefined)

def nothing():
    pass
"""

HARD = """
import robustdial as rd

class OfClasses:
    def look(self, view):
        pass

    def attack(self, view):
        return -view.adv.gather(1, view.attacked_labels[:, None])[:, 0]

    def learn(self, view):
        return -view.shown.gather(1, view.y[:, None])[:, 0]

def mine(eps: float = 0.1):
    \"\"\"Learn from class numbers.

    Args:
        eps: radius.
    \"\"\"
    return rd.Method(rd.Linf(eps), rd.PGD(rd.Step(0.05)), rd.Constant(2), OfClasses())

def fails(x):
    return x.missing
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.py").write_text(BUILD)
    shutil.copy(EXTEND / "solver.py", tmp_path)
    return tmp_path


def about(folder):
    return json.loads((folder / "run.json").read_text())


def test_a_recipe_of_ones_own_is_trained_resumed_and_measured(place, capsys, caplog):
    words = ["train", "solver.py:mi_at", "--steps", "1", "--decay", "1/2", "--model-width", "2", *SMALL, "--out", "x"]
    assert main.run(words) == 0
    kept = about(place / "x")
    assert kept["recipe"] == f"{place / 'solver.py'}:mi_at"
    assert kept["knobs"] == {"eps": 8 / 255, "steps": 1, "decay": 0.5}
    assert kept["method"]["solver"]["type"] == "Momentum"
    assert main.run(["train", "solver.py:mi_at", "--resume", "--out", "x"]) == 0
    assert main.run(["frontier", "x", "--n", "10", "--attack", ATTACK]) == 0
    assert "CORNERS-20" in capsys.readouterr().out and not caplog.messages
    with (place / "solver.py").open("a") as file:
        file.write("# a remark\n")
    assert main.run(["bake", "x", "--n", "10", "--attack", "pgd-1", "--format", "safetensors"]) == 0
    for written in (place / "x" / "report.html", *(place / "x" / "baked").rglob("README.md")):
        text = written.read_text().replace("<wbr>", "")  # where the page may break a long name
        assert "solver.py:mi_at" in text and str(place) not in text, written
    assert {line.partition(" since")[0] for line in caplog.messages} == {f"{place / 'solver.py'}:mi_at has changed"}
    (place / "solver.py").unlink()
    assert main.run(["frontier", "x"]) == 2
    assert "There is no file" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["build", "anything"])
def test_a_network_of_ones_own_learns(place, name):
    assert main.run(["train", "fgsm", "--model", f"net.py:{name}", *SMALL, "--out", "y"]) == 0
    assert about(place / "y")["model"]["name"] == f"{place / 'net.py'}:{name}"
    assert main.run(["evaluate", "y", "--n", "10", "--attack", ATTACK]) == 0
    assert json.loads((place / "y" / "score.json").read_text())["scores"][-1]["standing"][-1]["attack"] == "corners-20"


@pytest.mark.parametrize("name", ["build", "anything"])
def test_the_lines_on_a_card_fill_a_network_of_ones_own(place, name, monkeypatch):
    assert main.run(["train", "clean", "--model", f"net.py:{name}", *SMALL, "--out", "z"]) == 0
    assert main.run(["bake", "z", "--n", "10", "--attack", "pgd-1", "--format", "safetensors"]) == 0
    card = place / "z" / "baked" / "plain" / "README.md"
    lines = next(block for block in card.read_text().split("```") if "load_file" in block).removeprefix("python\n")
    monkeypatch.chdir(card.parent)
    monkeypatch.syspath_prepend(place)
    monkeypatch.delitem(sys.modules, "net", raising=False)
    scope = {"images": torch.rand(3, 1, 8, 8)}
    exec(lines, scope)
    assert "robustdial" not in lines
    torch.testing.assert_close(scope["logits"], open_model(place / "z")(scope["images"]))


@pytest.mark.parametrize(("name", "more", "weights"), [("build", ["--model-width", "4"], 0), ("anything", [], 2)])
def test_half_the_width_is_weights_where_the_file_builds_it_and_a_program_anywhere(place, capsys, name, more, weights):
    widths = [*more, "--widths", "0.5", "1", "--lambdas", "0", "1", "--steps", "1", "--warm", "0"]
    assert main.run(["train", "radial", "--model", f"net.py:{name}", *SMALL, *widths, "--out", "h"]) == 0
    command = ["bake", "h", "--lam", "0", "--width", "0.5", "--n", "10", "--attack", "pgd-1", "--format"]
    assert main.run([*command, "safetensors"]) == weights
    assert ("Choose --format pt2 or onnx" in capsys.readouterr().err) == bool(weights)
    assert main.run([*command, "pt2"]) == 0


def test_a_format_that_is_refused_leaves_nothing_of_any(place, capsys):
    assert main.run(["train", "clean", "--model", "net.py:Branching", *SMALL, "--out", "b"]) == 0
    capsys.readouterr()
    assert main.run(["bake", "b", "--n", "10", "--attack", "pgd-1", "--format", "safetensors", "--format", "pt2"]) == 2
    told = capsys.readouterr().err
    assert "model.pt2 cannot be written: Branching has something that this format does not take" in told
    assert told.count("\n") == 1
    assert not (place / "b" / "baked").exists()


def test_methods_of_ones_own_are_compared(place):
    words = ["compare", "clean", "solver.py:mi_at:steps=1", "--model", "net.py:build", *SMALL, "--n", "10"]
    assert main.run([*words, "--attack", "pgd-1", "--out", "c"]) == 0
    rows = json.loads((place / "c" / "compare.json").read_text())["rows"]
    assert [row["label"] for row in rows] == ["clean", "solver.py:mi_at:steps=1"]
    assert main.run(["compare", "--resume", "--out", "c"]) == 0


WRONG = """
train gone.py:mine                    | There is no file
train net.py:mine                     | there is no function 'mine'. There is build
train net.py:build                    | its argument classes has no type or no default
train net.py:nothing                  | gives NoneType, not a method
train bad.py:mine                     | (bad.py:2)
train clash.py:mine                   | has a knob lr, which is a flag of every run
train clash.py:fails                  | ZeroDivisionError: division by zero. Mend it there.
train clean --model net.py:broken     | name 'undefined' is not defined
train clean --model net.py:nothing    | not a torch.nn.Module
train hard.py:mine --mixup 0.2        | does not take mixed labels
train clean --augment hard.py:fails   | hard.py:fails fails on images
train clean --augment randaugm        | The nearest is randaugment
compare clean net.py:build            | its argument classes has no type
"""


@pytest.mark.parametrize(("line", "told"), [line.split(" | ") for line in WRONG.strip().splitlines()])
def test_what_is_wrong_with_a_file_is_one_line(place, line, told, capsys):
    (place / "bad.py").write_text("\nthis is no Python\n")
    (place / "clash.py").write_text(
        "def mine(lr: float = 1.0):\n    pass\n\ndef fails(a: int = 0):\n    return 1 / a\n"
    )
    (place / "hard.py").write_text(HARD)
    assert main.run([*line.split(), "--out", "z"]) == 2
    said = capsys.readouterr().err
    assert told in said and said.count("\n") == 1 and "Traceback" not in said
    assert not (place / "z").exists()


def test_an_augmentation_of_ones_own_goes_into_a_run_that_is_resumed(place, capsys):
    (place / "aug.py").write_text("def dark(x):\n    return x // 2\n")
    words = ["--augment", "aug.py:dark", "--mixup", "0.2", "--cutmix", "1", "--model-width", "2"]
    assert main.run(["train", "clean", *words, *SMALL, "--out", "w"]) == 0
    run = about(place / "w")
    assert run["run"]["augment"] == f"{place / 'aug.py'}:dark"
    assert list(run["own"]) == [run["run"]["augment"]]
    assert (run["run"]["mixup"], run["run"]["cutmix"]) == (0.2, 1.0)
    assert main.run(["train", "clean", "--resume", "--out", "w"]) == 0
    (place / "aug.py").unlink()
    assert main.run(["frontier", "w", "--n", "10"]) == 0  # only training needs it
    capsys.readouterr()
    assert main.run(["train", "clean", "--resume", "--out", "w"]) == 2
    assert "There is no file" in capsys.readouterr().err


def test_an_attack_that_fails_names_its_line(place, capsys):
    (place / "hit.py").write_text("def hit(f, x, y, threat):\n    return x + missing\n")
    assert main.run(["train", "clean", "--model-width", "2", *SMALL, "--out", "w"]) == 0
    capsys.readouterr()
    assert main.run(["frontier", "w", "--n", "10", "--attack", "hit.py:hit"]) == 2
    assert "(hit.py:2): NameError" in capsys.readouterr().err


def test_a_file_is_the_same_object_until_it_changes(place):
    first = own("net.py:build", "--model")
    assert own("net.py:build", "--model") is first
    (place / "net.py").write_text(BUILD + "# changed")
    assert own("net.py:build", "--model") is not first
