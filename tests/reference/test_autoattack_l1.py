"""Attacks in L1 against verdicts of the official AutoAttack, image by image: which of 50 digits fall.

The random starts differ. The search of Square does too: the windows of the official code never reach the last row and
column of an image, which are much of 8 x 8 pixels, so that ours finds more.
"""

import pytest
import torch
from torch import nn

from robustdial.attack import APGD, FAB, APGDTargeted, Square, parse
from robustdial.method.threat import L1

pytestmark = pytest.mark.rounding

AT_MOST = 2
"""Of 50 verdicts, how many may differ: between seeds of one code it is up to one."""


class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 8, 3, padding=1), nn.Conv2d(8, 12, 3, 2, padding=1)
        self.fc = nn.Linear(192, 10)

    def forward(self, x):
        return self.fc(self.conv2(self.conv1(x - 0.5).relu()).relu().flatten(1))


@pytest.fixture(scope="module")
def recorded(golden):
    return golden("l1_verdicts")


@pytest.fixture(scope="module")
def net(recorded):
    net = Small()
    net.load_state_dict({name[4:]: value for name, value in recorded.items() if name.startswith("net/")})
    return net.eval()


def fell(net, attack, x, y, threat):
    torch.manual_seed(0)
    found = attack(net, x, y, threat)
    assert (threat.distance(x, found) <= threat.radius + 1e-5).all()
    assert found.min() >= 0 and found.max() <= 1
    return net(found).argmax(1) != y


@pytest.mark.parametrize(
    ("attack", "eps"),
    [
        (APGD(restarts=5), 2.5),
        (APGDTargeted(classes=5), 1.5),
        (APGDTargeted(classes=5), 2.5),
        (FAB(), 1.5),
        (FAB(), 2.5),
    ],
    ids=lambda value: getattr(value, "name", value),
)
def test_the_same_images_fall(net, recorded, attack, eps):
    theirs = recorded[f"fell/{eps}/{attack.name}"]
    assert 15 < theirs.sum() < 35
    ours = fell(net, attack, recorded["x"], recorded["y"], L1(eps))
    assert (ours != theirs).sum() <= AT_MOST


def test_square_fells_what_the_official_one_does(net, recorded):
    theirs = recorded["fell/1.5/square"]
    ours = fell(net, Square(queries=2000), recorded["x"][theirs], recorded["y"][theirs], L1(1.5))
    assert (~ours).sum() <= 1


def test_the_cascade_has_the_constants_of_its_authors():
    first, second, *_ = parse("autoattack-l1").attacks
    assert (first.restarts, second.classes) == (5, 5)


def test_few_pixels_change_much(net, recorded):
    x, y = recorded["x"][:4], recorded["y"][:4]
    z = APGD(steps=10)(net, x, y, L1(1.0)) - x
    assert ((z != 0).flatten(1).sum(1) < 30).all()
