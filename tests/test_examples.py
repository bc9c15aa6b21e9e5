"""The examples run, and draw what they say."""

import importlib
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

EXAMPLES = Path(__file__).parents[1] / "examples"


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
