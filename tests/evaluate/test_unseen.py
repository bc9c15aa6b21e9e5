"""Accuracy under threats that a network was not trained for."""

import pytest
import torch
from torch import nn

from robustdial.attack import Grid, WorstOf, strong
from robustdial.data import Resident
from robustdial.evaluate import Trial, panel, unseen
from robustdial.method.threat import Linf, spatial


@pytest.fixture(scope="module")
def known():
    """A linear network and images, most of which it has right."""
    torch.manual_seed(0)
    f = nn.Sequential(nn.Flatten(), nn.Linear(64, 10)).eval()
    x = torch.rand(90, 1, 8, 8)
    y = f(x).argmax(1)
    y[::9] = (y[::9] + 1) % 10
    return f, Resident(x, y)


def test_each_trial_is_measured_on_every_image_from_the_same_numbers(known):
    f, source = known
    trials = Trial(Linf(0.02), strong(5)), Trial(spatial(10), WorstOf(3)), Trial(spatial(10), Grid(5, 3))
    before = torch.get_rng_state()
    found = list(unseen(f, source, trials, seed=3))
    assert [each.trial for each in found] == list(trials)
    assert all(each.accuracy.n == 90 and 0 < each.accuracy.correct < 80 for each in found)
    assert list(unseen(f, source, trials[1:], seed=3)) == found[1:]
    assert torch.equal(before, torch.get_rng_state())


def test_the_panel_is_one_of_frozen_nouns():
    assert panel() == panel()
    assert {threat.name for threat, _ in panel()} == {"Linf", "L2", "Warp"}
