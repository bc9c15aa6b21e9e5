"""The accuracy at every radius."""

import pytest
import torch
from torch import nn

from robustdial.attack import PGDAttack, strong
from robustdial.data import Resident
from robustdial.evaluate import SHARES, Accuracy, clean_accuracy, curve, measure
from robustdial.method.threat import L2, Linf

THREATS = [Linf(0.08), L2(0.6)]


@pytest.fixture(scope="module")
def known():
    """A linear network and images, most of which it has right."""
    torch.manual_seed(0)
    f = nn.Sequential(nn.Flatten(), nn.Linear(64, 10)).eval()
    x = torch.rand(90, 1, 8, 8)
    y = f(x).argmax(1)
    y[::9] = (y[::9] + 1) % 10
    return f, Resident(x, y)


@pytest.mark.parametrize("threat", THREATS)
def test_a_curve_falls_from_clean_accuracy_to_nothing(known, threat):
    f, source = known
    points = list(curve(f, source, threat, PGDAttack(10)))
    assert [eps for eps, _ in points] == [share * threat.eps for share in SHARES]
    assert points[0].accuracy == clean_accuracy(f, source) == Accuracy(80, 90)
    values = [accuracy.correct for _, accuracy in points]
    assert values == sorted(values, reverse=True)
    assert values[-1] == 0 < values[3] < values[1]


def test_a_point_is_what_the_attack_leaves_at_that_radius(known):
    f, source = known
    (_, found), alone = (
        next(curve(f, source, Linf(0.02), strong(10), (1.0,))),
        measure(f, source, strong(10), Linf(0.02)),
    )
    assert found == alone.robust


class Bungler:
    """Finds what it should at small radii alone."""

    name = "bungler"

    def __init__(self):
        self.seen = []

    def __call__(self, f, x, y, threat):
        self.seen.append((threat.eps, len(x)))
        return PGDAttack(10)(f, x, y, threat) if threat.eps < 0.015 else x


def test_what_fell_at_a_smaller_radius_is_not_attacked_again_and_stays_fallen(known):
    f, source = known
    attack = Bungler()
    small, large = (accuracy.correct for _, accuracy in curve(f, source, Linf(0.02), attack, (0.5, 1.0)))
    assert attack.seen == [(0.01, 80), (0.02, small)]
    assert small == large < 80


def test_points_come_one_at_a_time(known):
    f, source = known
    attack = Bungler()
    points = curve(f, source, Linf(0.02), attack)
    next(points)
    assert not attack.seen


@pytest.mark.parametrize("shares", [(), (-1.0, 1.0), (1.0, 0.5), (1.0, 1.0)])
def test_shares_that_do_not_rise_are_refused(known, shares):
    with pytest.raises(ValueError, match="give radii that rise"):
        list(curve(*known, Linf(0.1), shares=shares))


def test_a_network_in_training_mode_is_refused(known):
    with pytest.raises(ValueError, match="training mode"):
        list(curve(nn.Dropout(), known[1], Linf(0.1)))
