"""Auto-PGD and AutoAttack: closed forms, and what every attack keeps."""

from dataclasses import dataclass, field

import pytest
import torch
from torch import nn

from robustdial.attack import APGD, APGDTargeted, Cascade, PGDAttack, dlr, dlr_targeted, margin
from robustdial.attack.climb import checkpoints, climb
from robustdial.attack.problem import Iterate
from robustdial.method.threat import L2, Linf

pytestmark = pytest.mark.rounding

LINF, LENGTH = Linf(0.05), L2(0.08)
WEIGHTS = torch.tensor([[1.0, -2.0, 0.5, 0.0], [0.3, 1.0, -1.0, 0.2], [-1.0, 0.4, 0.1, 0.9], [0.0, 0.1, -0.3, -1.2]])


def linear(classes):
    """A linear network for images of four pixels."""
    return lambda x: (x.flatten(1) - 0.5) @ WEIGHTS[:classes].T


def points(f, n=200):
    """Images away from the borders of the cube, and the classes that `f` gives them."""
    x = torch.rand(n, 1, 2, 2) * 0.4 + 0.3
    return x, f(x).argmax(1)


def right(f, x, y):
    return f(x).argmax(1) == y


# --- strength -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("threat", "order"), [(LINF, 1), (LENGTH, 2)], ids=["linf", "l2"])
@pytest.mark.parametrize(
    ("attack", "classes"),
    [(APGD(steps=20), 2), (APGD(margin, steps=20), 2), (APGDTargeted(steps=20), 4)],
    ids=["ce", "margin", "targeted"],
)
def test_a_linear_network_is_robust_exactly_where_its_margin_is_wide(threat, order, attack, classes):
    f = linear(classes)
    x, y = points(f)
    others = WEIGHTS[y][:, None] - WEIGHTS[:classes]  # the direction to each class, and the way to its border
    way = (f(x).gather(1, y[:, None]) - f(x)) / others.norm(order, dim=2)
    nearest = way.scatter(1, y[:, None], torch.inf).amin(1)
    robust = right(f, attack(f, x, y, threat), y)
    clear = (nearest / threat.radius - 1).abs() > 1e-3  # float32
    assert clear.sum() > 190
    assert torch.equal(robust[clear], (nearest > threat.radius)[clear])
    assert 20 < robust.sum() < 180


@pytest.mark.parametrize("threat", [Linf(0.12), L2(0.6)], ids=["linf", "l2"])
@pytest.mark.parametrize(
    ("attack", "pgd"),
    [
        (APGD(steps=20), PGDAttack(20)),
        (APGD(dlr, steps=20), PGDAttack(20, loss=dlr)),
        (APGDTargeted(steps=20), PGDAttack(20)),
    ],
    ids=["ce", "dlr", "targeted"],
)
def test_not_worse_than_pgd_with_as_many_steps(digits, threat, attack, pgd):
    net, x, y = digits
    robust, of_pgd = (int(right(net, a(net, x, y, threat), y).sum()) for a in (attack, pgd))
    assert robust <= of_pgd + 1  # their starts differ
    assert 5 < of_pgd < len(y) - 5


def test_an_image_that_does_not_fall_is_returned_where_the_loss_is_highest(digits):
    net, x, y = digits
    with torch.no_grad():
        adv = APGD(margin, steps=20)(net, x, y, Linf(0.05))
        assert (margin(net(adv), y) > margin(net(x), y)).all()


# --- the step size ------------------------------------------------------------------------------------------------


class Scripted:
    """An problem whose losses are given, one row, whatever is looked at."""

    def __init__(self, losses):
        self.losses, self.threat, self.x = iter(losses), Linf(0.5), torch.full((1, 1, 1, 1), 0.5)

    def of(self, rows):
        return self

    def look(self, z):
        return Iterate(z, torch.tensor([next(self.losses)]), torch.ones_like(z), torch.tensor([False]))


def sizes(losses):
    """Share of the first step size that is used in each step."""
    course = list(climb(Scripted(losses), torch.zeros(1, 1, 1, 1), 100))
    return [float(at.size) for at in course[1:]]


RISING, FALLING = [float(k) for k in range(101)], [-float(k) for k in range(101)]


def test_a_step_that_helps_is_kept_and_one_that_does_not_is_halved_at_every_checkpoint():
    assert set(sizes(RISING)) == {1.0}
    gaps = [22, 19, 16, 13, 10, 7, 6, 6, 1]
    assert sizes(FALLING) == [0.5**k for k, gap in enumerate(gaps) for _ in range(gap)]


def test_a_step_is_halved_where_the_loss_rises_but_never_to_a_new_height_and_then_has_two_windows():
    """At 41 nothing new since 22: halved. At 57 still nothing, but the size is new. At 70 it no longer is: halved."""
    losses = [*RISING[:23], *(k / 100 for k in range(78))]
    found = sizes(losses)
    assert [found[k] for k in (21, 22, 40, 41, 56, 57, 69, 70)] == [1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.5, 0.25]


@pytest.mark.parametrize("attack", [APGD(steps=9), APGD(dlr, 9, 2), APGDTargeted(9, 2)], ids=["ce", "dlr", "t"])
def test_only_images_that_stand_are_attacked(digits, attack):
    net, x, y = digits
    rows = []

    def counted(images):
        rows.append(len(images))
        return net(images)

    attack(counted, x, y, Linf(0.2))
    assert rows[0] == len(x)
    assert rows == sorted(rows, reverse=True)
    assert rows[-1] < len(x)


# --- doors --------------------------------------------------------------------------------------------------------


def test_dlr_does_not_know_the_scale_of_logits():
    logits, y = torch.randn(8, 5), torch.arange(8) % 5
    torch.testing.assert_close(dlr(100 * logits, y), dlr(logits, y))
    torch.testing.assert_close(dlr_targeted(100 * logits, y, 4 - y), dlr_targeted(logits, y, 4 - y))
    assert torch.equal(dlr(torch.zeros(2, 3), y[:2]), torch.zeros(2))


@pytest.mark.parametrize(("attack", "classes"), [(APGD(dlr), 2), (APGDTargeted(), 3), (APGDTargeted(), 2)])
def test_too_few_classes_are_refused_with_the_remedy(attack, classes):
    f = linear(classes)
    with pytest.raises(ValueError, match=rf"network has {classes}.*apgd-ce"):
        attack(f, *points(f), Linf(0.1))


@pytest.mark.parametrize("steps", [1, 2, 5, 20, 37, 100, 1000])
def test_checkpoints_follow_one_another(steps):
    plan = checkpoints(steps)
    assert sum(plan.values()) == max(plan) <= steps
    assert min(plan.values()) > 0


# --- in turn ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Dimming:
    """Succeeds on images whose first pixel is below `reach`, by making it wrong; keeps what it was asked to attack."""

    reach: float
    asked: list = field(default_factory=list)
    name: str = "dimming"

    def __call__(self, f, x, y, threat):
        self.asked.append(x[:, 0, 0, 0].tolist())
        return torch.where((x[:, :1, :1, :1] < self.reach), torch.zeros_like(x), x)


def first_pixel(x):
    """Class 0 where the first pixel is positive, 1 where it is zero."""
    return torch.stack([x[:, 0, 0, 0], torch.full((len(x),), 0.05)], dim=1)


def test_each_attack_meets_the_images_that_still_stand():
    x = torch.linspace(0, 1, 6)[:, None, None, None].expand(-1, 1, 2, 2).clone()  # the first is wrong already
    attacks = (Dimming(0.3), Dimming(0.7), Dimming(0.5))
    adv = Cascade(attacks, "three")(first_pixel, x, torch.zeros(6, dtype=torch.int64), Linf(1.0))
    asked = [attack.asked[0] for attack in attacks]
    assert [len(rows) for rows in asked] == [5, 4, 2]
    assert (first_pixel(adv).argmax(1) == 1).tolist() == [True, True, True, True, False, False]
    assert torch.equal(adv[4:], x[4:])


def test_nothing_is_attacked_when_nothing_stands():
    attack = Dimming(1.0)
    x = torch.zeros(3, 1, 2, 2)
    assert torch.equal(Cascade((attack,), "one")(first_pixel, x, torch.zeros(3, dtype=torch.int64), Linf(1.0)), x)
    assert attack.asked == []


def test_with_three_classes_targeted_apgd_is_left_out():
    net = nn.Sequential(nn.Flatten(), nn.Linear(4, 3))
    x, y = torch.rand(4, 1, 2, 2), torch.zeros(4, dtype=torch.int64)
    Cascade((APGD(steps=3), APGDTargeted(steps=3)), "two")(net, x, y, Linf(0.1))
    with pytest.raises(ValueError, match="class"):
        APGDTargeted(steps=3)(net, x, y, Linf(0.1))
