"""What the page shows, as HTML."""

import pytest
import torch

from robustdial.app import pieces

POINTS = [
    {"lam": lam, "width": 1.0, "clean": clean, "robust": robust, "attack": "pgd-2", "n": 40}
    for lam, clean, robust in ((0.0, 0.9, 0.1), (0.5, 0.8, 0.3), (1.0, 0.6, 0.5))
]


def test_names_of_classes_are_text():
    told = pieces.bars("<i>x</i>", [0.9, 0.1], ["<script>alert(1)</script>", "b"], 0)
    assert "<script>" not in told
    assert "&lt;script&gt;" in told
    assert "<i>" not in told


@pytest.mark.parametrize(("label", "kinds"), [(0, ["right", ""]), (1, ["wrong", "right"]), (None, ["", ""])])
def test_colours_say_who_is_right(label, kinds):
    told = pieces.bars("x", [0.9, 0.1], ["a", "b"], label)
    assert [f'"fill {kind}"' in told for kind in kinds] == [True, True]


def test_between_measured_positions_the_place_is_on_the_line():
    told = pieces.worth(POINTS, 0.25, 1.0, 1000, 2000)
    assert "about 85.0\N{NO-BREAK SPACE}% clean, about 20.0\N{NO-BREAK SPACE}% robust" in told
    assert "about" not in pieces.worth(POINTS, 0.5, 1.0, 1000, 2000)


def test_what_was_not_measured_is_said():
    assert "robustdial frontier" in pieces.plot([], 0.5, 1.0)
    assert pieces.plot(POINTS, 0.5, 1.0).count("<circle") == 4
    assert pieces.plot(POINTS[:2], 1.0, 1.0).count("<circle") == 2
    assert "Not measured at this lambda" in pieces.worth(POINTS[:2], 1.0, 1.0, 1000, 2000)


def test_what_was_added_is_drawn_around_grey():
    clean = torch.full((1, 1, 2, 2), 0.5)
    adv = clean + torch.tensor([[[[0.1, -0.1], [0.0, 0.0]]]])
    assert pieces.trio(clean, adv, ["a", "b", "c"]).count("<img") == 3
    assert pieces.trio(clean, None, ["a"]).count("<img") == 1
