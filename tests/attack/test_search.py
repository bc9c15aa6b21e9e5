"""Searches without a gradient: worst of random tries, worst of a grid."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from robustdial.attack import APGD, Grid, PGDAttack, WorstOf
from robustdial.data import from_tensors
from robustdial.dial import Fixed, dial
from robustdial.method.solver import PGD, Step
from robustdial.method.threat import L2, Linf, spatial
from robustdial.models import build
from robustdial.recipes import oat, pgd_at
from robustdial.training.engine import TrainState, fit

pytestmark = pytest.mark.rounding

MOVES = spatial(30, 0.25)
ATTACKS = [WorstOf(10), Grid(5, 3)]


def bar(n=8, at=3):
    """One image with a bright column."""
    x = torch.zeros(1, 1, n, n)
    x[..., at] = 1
    return x


def dark(at):
    """Takes an image for class 0 as long as its column `at` is dark on average."""
    return lambda x: torch.stack([torch.full((len(x),), 0.5), x[:, 0, :, at].mean(1)], dim=1)


def right(f, x, y):
    return f(x).argmax(1) == y


@pytest.mark.parametrize(("at", "found"), [(5, True), (1, True), (4, False), (6, False)])
def test_a_grid_finds_the_one_shift_that_fools(at, found):
    x, y = bar(), torch.zeros(1, dtype=torch.int64)
    adv = Grid(2, 3)(dark(at), x, y, spatial(0, 0.25))  # the column may go two pixels to either side, or stay
    assert right(dark(at), adv, y) != found
    assert (adv[..., at].mean() > 0.5) == found


def test_what_never_falls_is_returned_with_the_smallest_margin():
    sure = lambda x: torch.stack([2 + x[:, 0, :, 3].mean(1), torch.zeros(len(x))], dim=1)  # noqa: E731
    x, y = bar(), torch.zeros(1, dtype=torch.int64)
    for attack in (WorstOf(200), Grid(5, 3)):
        assert sure(attack(sure, x, y, MOVES))[0, 0] < sure(x)[0, 0] - 0.5


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_every_image_has_its_own_answer_and_stays_an_image(attack):
    f = nn.Sequential(nn.Flatten(), nn.Linear(64, 10)).eval()
    x = torch.rand(12, 1, 8, 8)
    y = f(x).argmax(1)
    adv = attack(f, x, y, MOVES)
    assert adv.shape == x.shape
    assert adv.min() >= 0
    assert adv.max() <= 1
    fell = ~right(f, adv, y)
    assert fell.any()
    assert right(f, x, y).all()


def test_more_tries_leave_no_more():
    f = nn.Sequential(nn.Flatten(), nn.Linear(64, 10)).eval()
    x = torch.rand(40, 1, 8, 8)
    y = f(x).argmax(1)
    left = []
    for tries in (1, 4, 16):
        torch.manual_seed(0)
        left.append(int(right(f, WorstOf(tries)(f, x, y, spatial(10, 0.05)), y).sum()))
    assert left == sorted(left, reverse=True)
    assert left[0] > left[-1]


@pytest.mark.parametrize("threat", [Linf(0.1), L2(0.5)])
def test_random_tries_stay_in_every_set(threat):
    f = nn.Sequential(nn.Flatten(), nn.Linear(16, 4)).eval()
    x = torch.rand(8, 1, 4, 4)
    z = WorstOf(5)(f, x, f(x).argmax(1), threat) - x
    torch.testing.assert_close(threat.project(z, x, 1.0), z, rtol=0, atol=1e-6)


@pytest.mark.parametrize("attack", [PGDAttack(10), APGD(steps=10)], ids=lambda attack: attack.name)
def test_gradients_climb_in_angles_and_shifts(attack):
    f = nn.Sequential(nn.Flatten(), nn.Linear(64, 10)).eval()
    x = torch.rand(40, 1, 8, 8)
    y = f(x).argmax(1)
    loss = nn.functional.cross_entropy
    by_chance, climbed = (a(f, x, y, spatial(10, 0.05)) for a in (WorstOf(1), attack))
    assert loss(f(climbed), y) > loss(f(by_chance), y) > loss(f(x), y)


def test_networks_with_and_without_a_dial_train_against_turns():
    y = torch.arange(60) % 2
    x = 0.5 * torch.rand(60, 1, 8, 8) + 0.5 * y.float()[:, None, None, None]
    data = from_tensors((x, y), (x, y))
    for recipe in (pgd_at(steps=2), oat(steps=2, lambdas=(0, 1))):
        net = build("cnn", classes=2, shape=(1, 8, 8), mean=[0.5], std=[0.5], width=4)
        model = dial(net, recipe.dial) if recipe.dial != Fixed() else net
        method = replace(recipe, threat=spatial(), solver=PGD(Step(spread=1.0)))
        losses = [epoch["loss"] for epoch in fit(TrainState.new(model, lr=0.05), data, method, epochs=4, batch=30)]
        assert losses[-1] < losses[0]


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: WorstOf(0), ValueError, "at least one try"),
        (lambda: Grid(1, 5), ValueError, "at least two values"),
        (lambda: spatial(0, 0), ValueError, "does not move"),
        (lambda: spatial(-3), ValueError, "degrees=-3 is negative"),
        (lambda: Grid()(dark(0), bar(), torch.tensor([0]), Linf(0.1)), TypeError, "not of Linf"),
    ],
)
def test_wrong_input_is_named(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_a_module_in_training_mode_is_left_in_it():
    net = nn.Sequential(nn.BatchNorm2d(1), nn.Flatten(), nn.Linear(64, 10)).train()
    before = net[0].running_mean.clone()
    WorstOf(2)(net, torch.rand(4, 1, 8, 8), torch.zeros(4, dtype=torch.int64), MOVES)
    assert net.training
    assert torch.equal(net[0].running_mean, before)
