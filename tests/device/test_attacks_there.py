"""Attacks on a device that is not the CPU: they find what they find on the CPU, and rarely wait on the way."""

import pytest
import torch
from elsewhere import DEVICE
from test_every_attack import ATTACKS, BALLS, SPARSE, Moody, images

from robustdial.attack import (
    APGD,
    FAB,
    APGDTargeted,
    Cascade,
    DeepFool,
    Grid,
    PGDAttack,
    SparsePGD,
    SparseRS,
    Square,
    WorstOf,
)
from robustdial.method.threat import Linf, spatial
from robustdial.randomness import seeded

DOOR = 6
"""What an attack is given is looked at once: pixels, labels, logits."""


def most_waits(attack):
    """How often an attack may wait behind its door; what falls on the way costs some more where rows are picked."""
    match attack:
        case PGDAttack():
            return 3 * attack.restarts * (attack.restarts > 1)  # never in its steps, and after each of several starts
        case APGD() | APGDTargeted():
            starts = getattr(attack, "restarts", 1)
            return starts * (5 * attack.steps + 8)  # whether anything fell; which rows go on, and what is best so far
        case FAB():
            return 10 * attack.steps + 8  # a projection is Newton's method until nothing changes
        case DeepFool():
            return attack.steps  # which rows go on
        case SparsePGD():
            return 5 * attack.steps + 8  # which images stand, where anything fell, and what is best so far
        case Square() | SparseRS():
            return attack.queries  # which images stand
        case Cascade():
            return sum(DOOR + 3 + most_waits(part) for part in attack.attacks)
    return 0


@BALLS
def test_attacks(attack, threat, there):
    net, x = Moody().eval(), images()
    y = net(x).argmax(1)
    with seeded(1):
        expected = attack(net, x, y, threat)
    given = net.to(DEVICE), x.to(DEVICE), y.to(DEVICE), threat
    there.waits.clear()
    with seeded(1):
        found = attack(*given)
    assert sum(there.waits.values()) <= DOOR + most_waits(attack), there.waits
    assert torch.equal(found.cpu(), expected)


@pytest.mark.parametrize("attack", [Grid(), WorstOf(5)], ids=lambda attack: attack.name)
def test_searches_where_no_gradient_is_asked(attack, there):
    net, x = Moody().eval(), images()
    y = net(x).argmax(1)
    with seeded(1):
        expected = attack(net, x, y, spatial())
    given = net.to(DEVICE), x.to(DEVICE), y.to(DEVICE), spatial()
    with seeded(1):
        assert torch.equal(attack(*given).cpu(), expected)


def test_every_attack_is_in_the_table():
    known = {type(part) for attack in ATTACKS + SPARSE for part in getattr(attack, "attacks", [attack])}
    assert {APGD, APGDTargeted, DeepFool, FAB, PGDAttack, SparsePGD, SparseRS, Square} <= known


def test_more_steps_wait_no_more_in_plain_ascent(there):
    net, x = Moody().eval().to(DEVICE), images().to(DEVICE)
    seen = []
    for steps in (2, 9):
        there.waits.clear()
        PGDAttack(steps)(net, x, torch.zeros(len(x), dtype=torch.int64, device=DEVICE), Linf(0.1))
        seen.append(sum(there.waits.values()))
    assert seen[0] == seen[1] <= DOOR
