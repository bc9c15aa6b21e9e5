"""The drawn shapes: a trade-off that is there by construction."""

import torch

from robustdial.cli.commands.demo import KNOBS
from robustdial.data import load, shapes


def test_they_are_the_same_at_every_call_and_no_test_image_is_trained_on():
    data, again = load("shapes"), load("shapes")
    assert (len(data.train), len(data.val), len(data.test)) == (1800, 200, 500)
    assert data.shape == (1, 28, 28)
    (x, y), (same, labels) = (next(each.test.batches([torch.arange(500)])) for each in (data, again))
    assert torch.equal(x, same) and torch.equal(y, labels)
    trained, _ = next(data.train.batches([torch.arange(1800)]))
    assert len(torch.cat([x, trained]).unique(dim=0)) == 2300


def test_stripes_tell_the_class_of_a_drawing_that_lies_half_way(monkeypatch):
    monkeypatch.setattr(shapes, "CLEAR", -1.0)  # every drawing has its stripes
    x, labels = shapes.drawn(400, seed=3)
    ground = x[:, 0].double()
    ground[ground > 128] = 0  # without the shape
    seen = torch.einsum("nhw,khw->nk", ground, shapes.stripes().double()).argmax(1)
    assert (seen == labels).double().mean() > 0.95


def test_the_adversary_of_the_demo_can_paint_other_stripes_over_them():
    assert KNOBS["eps"] > shapes.FAINT
    assert shapes.stripes().abs().max() == 1


def test_every_outline_has_a_corner_at_the_top_but_the_circle():
    top, beside = (shapes.outlines(torch.tensor(angle)) for angle in (0.0, 0.1))
    assert (top > beside).tolist() == [False, True, True, True]
