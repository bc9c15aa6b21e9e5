"""The examples run, and draw what they say."""

import functools
import importlib
import json
import re
import runpy
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
import tyro
from PIL import Image

from robustdial.generator import StyleGenerator

EXAMPLES = Path(__file__).parents[1] / "examples"


def test_attributes_are_trained_against_and_drawn(tmp_path, capsys):
    example = runpy.run_path(str(EXAMPLES / "attributes.py"))  # a benchmark has the same name
    example["main"](tmp_path / "new", epochs=1)
    with Image.open(tmp_path / "new" / "attributes.png") as picture:
        assert picture.size == (840, 456)
    assert [line.split()[-1] for line in capsys.readouterr().out.splitlines()[1:]] == ["360"] * 3


@pytest.fixture
def theory(monkeypatch):
    monkeypatch.syspath_prepend(EXAMPLES)
    return importlib.import_module("robust_self_training_theory")


def test_the_theory_of_self_training_is_drawn_twice(theory, tmp_path, capsys):
    theory.main(tmp_path / "new", count=4)
    page = (tmp_path / "new" / "robust-self-training.html").read_text(encoding="utf-8")
    drawing = ElementTree.parse(tmp_path / "new" / "robust-self-training.svg")
    words = [node.text for node in drawing.iter("{http://www.w3.org/2000/svg}text")]
    for title in ("What extra points cost goes with the number of labelled points", "S = diag(1, 25): 33.1 % are safe"):
        assert title in page
        assert title in words
    assert '<script src="http' not in page
    assert "nan" not in "".join(node.get("d", "") for node in drawing.iter())
    assert "0.0262793" in capsys.readouterr().out


def test_a_network_that_trains_behind_a_mask_is_compared_and_drawn(monkeypatch, tmp_path, capsys):
    monkeypatch.syspath_prepend(EXAMPLES)
    importlib.import_module("background").main(tmp_path / "masks.png", epochs=1, limit=120, n=20)
    told = capsys.readouterr().out
    assert "localized  as it is" in told
    image, mask, added, _ = np.array_split(np.asarray(Image.open(tmp_path / "masks.png"))[:80], 4, axis=1)
    assert len(np.unique(mask[:, 6:-6])) == 2
    assert added.std() > 0
    assert image.shape[0] == 80


def test_chances_of_seen_sets_are_exact(theory):
    a, b, c = 0.5, 0.3, 0.2
    once, twice = theory.chance_of_sets(np.array([a, b, c]), np.array([1, 2]))
    np.testing.assert_allclose(once, [0, a, b, 0, c, 0, 0, 0], atol=1e-12)
    np.testing.assert_allclose(twice, [0, a * a, b * b, 2 * a * b, c * c, 2 * a * c, 2 * b * c, 0], atol=1e-12)


def test_augmentation_costs_less_the_more_is_labelled(theory):
    expected, worse = theory.expected_errors(6)
    standard, augmented, regularised, trained = expected.T
    assert augmented[0] > 100 * standard[0]
    assert augmented[-1] < standard[-1]
    assert (np.diff(worse) <= 1e-9).all()
    assert (trained <= regularised + 1e-12).all()
    assert (regularised <= standard + 1e-12).all()


def test_adversaries_in_a_latent_space_are_drawn_by_level(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(EXAMPLES)
    monkeypatch.delitem(sys.modules, "generative", raising=False)  # a benchmark has the same name
    generative = importlib.import_module("generative")
    net, x = StyleGenerator((1, 8, 8), 10, width=4, latent=8), torch.rand(4, 1, 8, 8)
    f = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 10)).eval()
    rows = generative.adversaries(f, net, x, torch.arange(4), 0.3)
    assert list(rows) == ["image", "G(E(image))", "coarse", "middle", "fine", "noise"]
    assert all((rows[level] != x).any() for level in net.levels)
    assert generative.draw(rows).size == (100 + 4 * 9 * 7, 6 * 9 * 7)


def test_self_training_on_digits_tells_three_networks(monkeypatch, capsys):
    monkeypatch.syspath_prepend(EXAMPLES)
    importlib.import_module("robust_self_training").main(epochs=1, attack="pgd-1")
    first, _, *rows = capsys.readouterr().out.splitlines()
    assert "100 images with labels, 1193 without" in first
    assert [row.split()[0] for row in rows] == ["standard", "adversarial", "self-training"]


@pytest.mark.parametrize(
    ("part", "told"),
    [
        ("threat", "with shifted lines"),
        ("solver", "robust"),
        ("objective", "robust"),
        ("schedule", "6 passes"),
        ("attack", "corners-20"),
        ("check", "raised"),
        ("recipe", "lambda 1:"),
        ("training", "rate 0.0001"),
    ],
)
def test_a_part_of_ones_own_works(part, told, capsys):
    example = runpy.run_path(str(EXAMPLES / "extend" / f"{part}.py"))
    example["main"](**({} if part == "check" else {"epochs": 2}))
    assert told in capsys.readouterr().out


def test_the_notebook_runs(capsys):
    book = json.loads((EXAMPLES / "first_dial.ipynb").read_text(encoding="utf-8"))
    names = {}
    for cell in book["cells"]:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]).replace("EPOCHS = 12", "EPOCHS = 2"), names)
    told = capsys.readouterr().out
    assert told.count("lambda") == 9
    assert names["shipped"](names["x"]).shape == (1, 10)


SHOWN = [
    (file, words)
    for file in [*EXAMPLES.glob("*.py"), *(EXAMPLES.parent / "docs").rglob("*.md")]
    for words in re.findall(r"python examples/(\w+\.py[^`#\n]*)", file.read_text(encoding="utf-8"))
    if "_loop" not in words and "tyro.cli(" in (EXAMPLES / words.split()[0]).read_text(encoding="utf-8")
]


@pytest.mark.parametrize(("file", "words"), SHOWN, ids=lambda shown: getattr(shown, "name", shown))
def test_an_example_takes_the_words_that_are_shown(file, words, monkeypatch):
    monkeypatch.syspath_prepend(EXAMPLES)
    script, *rest = words.split()
    example = runpy.run_path(str(EXAMPLES / script))
    takes = functools.wraps(example.get("Settings", example["main"]))(lambda *_, **__: "understood")
    assert tyro.cli(takes, args=rest) == "understood"  # exits where it is not
