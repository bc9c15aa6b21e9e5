"""Help pages: flags in groups, the ten that matter first, defaults as people write them, within the page."""

import inspect
import re
import subprocess

import pytest

from robustdial.cli import main
from robustdial.cli.commands import COMMANDS
from robustdial.cli.help import human
from robustdial.recipes import RECIPES

PAGES = [["train", "oat"], ["train", "radial"], ["plan", "oat"]]
PAGES += [[name] for name in COMMANDS if name not in ("train", "plan")]
MAIN = ["--data", "--model", "--eps", "--epochs", "--batch", "--lr", "--first", "--seed", "--device", "--out"]


def page(words, capsys):
    with pytest.raises(SystemExit) as left:
        main.run([*words, "--help"])
    assert left.value.code == 0
    return capsys.readouterr().out


def groups(text):
    """The flags of each box, by its title."""
    boxes: dict[str, list[str]] = {}
    for line in text.splitlines():
        if title := re.match(r"\W*([a-z]+) options\b", line):
            boxes[title[1]] = []
        elif boxes and (flag := re.match(r"\W{1,3}(--[a-z][a-z-]+)", line)):
            boxes[next(reversed(boxes))].append(flag[1])
    return boxes


@pytest.mark.parametrize("recipe", ["oat", "clean", "gat"])
def test_the_ten_that_matter_come_first(recipe, capsys):
    boxes = groups(page(["train", recipe], capsys))
    ball = "eps" in inspect.signature(RECIPES[recipe]).parameters
    assert boxes["main"] == [flag for flag in MAIN if ball or flag != "--eps"]
    assert list(boxes) == ["main", "method", "data", "network", "training", "machine", "output"]
    assert "--weight-decay" in boxes["training"]
    assert ("--norm" in boxes["method"]) == ball


def test_the_knobs_of_a_recipe_are_its_method(capsys):
    assert {"--steps", "--lambdas", "--no-dual", "--widths"} <= {*groups(page(["train", "oat"], capsys))["method"]}


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("words", PAGES, ids=" ".join)
def test_pages_fit_their_terminal(words, width, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(width))
    text = page(words, capsys)
    lines = [line for line in text.splitlines() if not line.startswith(("    ", "usage"))]  # a formula is not broken
    assert max(map(len, lines)) <= width
    for ugly in ("(default: None)", "(default: False)", "STR", "{None}", "0.16666", "0.0313725"):
        assert ugly not in text


def test_defaults_are_written_as_people_do(capsys):
    text = page(["train", "radial"], capsys)
    assert "(default: 8/255)" in text
    assert "(default: 0 1/6 1/3 0.5 2/3 1)" in " ".join(text.replace("│", " ").split())
    assert human((1 / 7, 0.05)) == "1/7 0.05"


def test_a_fraction_is_a_number(capsys):
    """What a page shows can be typed."""
    assert main.run(["train", "oat", "--lambdas", "1/6", "1/0"]) == 2
    assert "'0.16666666666666666', '1/0'" in capsys.readouterr().err


@pytest.mark.parametrize("shell", ["bash", *(pytest.param(shell, marks=pytest.mark.slow) for shell in ("zsh", "fish"))])
def test_completion_is_printed(shell, capsys):
    with pytest.raises(SystemExit) as left:
        main.run(["completion", shell])
    assert not left.value.code
    script = capsys.readouterr().out
    assert all(word in script for word in (*COMMANDS, "radial-trades", "--latency-max"))
    if shell == "bash":
        assert subprocess.run(["bash", "-n"], input=script, text=True, check=False).returncode == 0
