"""Loops over the dial written line by line, beside the composition: OATS, and the dial over the radius.

In double precision: sums are taken in another order, and no rounding is to decide the sign of a gradient.
"""

import copy

import pytest
import torch
from torch.nn import functional as F

from robustdial.data import Batch
from robustdial.dial import Dials, PerSample, Proportional, dial
from robustdial.method import Method
from robustdial.method.game import Game
from robustdial.method.objective import AT, Blend
from robustdial.method.schedule import Constant
from robustdial.method.solver import PGD, Carried, Replay, Step
from robustdial.method.threat import Linf
from robustdial.models import build
from robustdial.recipes import RECIPES
from robustdial.training.batch import train_batch

pytestmark = pytest.mark.rounding

EPS = 0.1
X = torch.rand(8, 1, 8, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
Y = torch.arange(8) % 4


def network(dials):
    plain = build("cnn", classes=4, shape=(1, 8, 8), mean=[0.5], std=[0.5], width=8)
    return dial(plain.double(), dials, example=X).train()


def trained(model, method, passes, batches=2):
    """The composition, from a seed."""
    torch.manual_seed(3)
    optimizer, memories = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9), []
    for _ in range(batches):
        train_batch(model, Batch(X, Y), method, passes, optimizer, memories)


def start_drawn(n0):
    """The composition draws the adversary's start, whose size is 0 here, from the same generator as lambda."""
    torch.empty_like(X[n0:]).uniform_()


def alike(a, b):
    for (name, one), two in zip(a.state_dict().items(), b.state_dict().values(), strict=True):
        torch.testing.assert_close(one, two, atol=1e-9, rtol=0, msg=name)


def test_oats():
    """Sample lambda once; every width has its clean loss, its adversary, its adversarial loss; one step of the mean."""
    dials = Dials((0.0, 0.3, 1.0), (0.5, 0.75, 1.0))
    model = network(dials)
    twin, steps = copy.deepcopy(model), 3
    trained(model, Method(Linf(EPS), PGD(Step(spread=1.25), noise=0.0), Constant(steps + 1), Blend(), dials), steps + 1)

    torch.manual_seed(3)
    optimizer = torch.optim.SGD(twin.parameters(), lr=0.1, momentum=0.9)
    for _ in range(2):
        settings = twin.settings(PerSample().rows(8, dials.lambdas))
        for setting in settings:
            n0, lam = setting.first, setting.lam
            victims = setting.part(slice(n0, None))
            start_drawn(n0)
            clean = F.cross_entropy(twin(X, setting), Y, reduction="none")
            twin.eval()
            adv = X[n0:].clone()
            for _ in range(steps):
                adv.requires_grad_()
                (slope,) = torch.autograd.grad(F.cross_entropy(twin(adv, victims), Y[n0:], reduction="sum"), adv)
                adv = (adv + 1.25 * EPS / steps * slope.sign()).detach()
                adv = torch.min(torch.max(adv, X[n0:] - EPS), X[n0:] + EPS).clamp(0, 1)
            twin.train()
            robust = torch.zeros(8)
            robust[n0:] = F.cross_entropy(twin(adv, victims), Y[n0:], reduction="none")
            (((1 - lam) * clean + lam * robust).mean() / len(settings)).backward()
        optimizer.step()
        optimizer.zero_grad()
    alike(model, twin)


def test_the_dial_over_the_radius():
    """Row i is attacked within reach lambda_i eps, rows at 0 are not; one forward of what came out, one loss a row."""
    dials = Dials((0.0, 0.5, 1.0), radii=Proportional(1.5))
    model = network(dials)
    twin, steps = copy.deepcopy(model), 3
    trained(model, Method(Linf(EPS), PGD(Step(spread=1.25), noise=0.0), Constant(steps + 1), AT(), dials), steps + 1)

    torch.manual_seed(3)
    optimizer = torch.optim.SGD(twin.parameters(), lr=0.1, momentum=0.9)
    for _ in range(2):
        (setting,) = twin.settings(PerSample().rows(8, dials.lambdas))
        n0, victims = setting.first, setting.part(slice(setting.first, None))
        radius = (1.5 * EPS * setting.lam[n0:])[:, None, None, None]
        start_drawn(n0)
        twin.eval()
        z = torch.zeros_like(X[n0:])
        for _ in range(steps):
            z.requires_grad_()
            loss = F.cross_entropy(twin(X[n0:] + z, victims), Y[n0:], reduction="sum")
            (slope,) = torch.autograd.grad(loss, z)
            z = (z + 1.25 * radius / steps * slope.sign()).detach()
            z = torch.min(torch.max(z, -radius), radius)
            z = (X[n0:] + z).clamp(0, 1) - X[n0:]
        twin.train()
        F.cross_entropy(twin(torch.cat([X[:n0], X[n0:] + z]), setting), Y).backward()
        optimizer.step()
        optimizer.zero_grad()
    alike(model, twin)


def test_replays_advance_all_widths_in_lock_step():
    """A replay is one step of the mean over the widths; the adversary of each ascends on a gradient of its own."""
    dials = Dials((1.0,), (0.5, 1.0))
    model = network(dials)
    twin, passes = copy.deepcopy(model), 3
    trained(model, Method(Linf(EPS), Replay(Step(0.05), noise=0.0), Constant(passes), AT(), dials), passes, batches=1)

    optimizer = torch.optim.SGD(twin.parameters(), lr=0.1, momentum=0.9)
    settings, zs = twin.settings(torch.zeros(8, dtype=torch.int64)), [torch.zeros_like(X) for _ in range(2)]
    for _ in range(passes):
        for i, setting in enumerate(settings):
            zs[i].requires_grad_()
            (F.cross_entropy(twin(X + zs[i], setting), Y) / 2).backward()
        slopes = [z.grad for z in zs]
        optimizer.step()
        optimizer.zero_grad()
        zs = [(z + 0.05 * slope.sign()).detach().clamp(-EPS, EPS) for z, slope in zip(zs, slopes, strict=True)]
        zs = [(X + z).clamp(0, 1) - X for z in zs]
    alike(model, twin)


def test_the_warm_part_of_radial_sees_clean_images_only():
    method = RECIPES["radial"](eps=EPS)
    model = network(method.dial)
    twin = copy.deepcopy(model)
    passes = method.schedule.passes(method.schedule.init())
    trained(model, method, passes, batches=1)
    torch.manual_seed(3)
    (setting,) = twin.settings(method.dial.sampling.rows(8, method.dial.lambdas))
    optimizer = torch.optim.SGD(twin.parameters(), lr=0.1, momentum=0.9)
    F.cross_entropy(twin(X, setting), Y).backward()
    optimizer.step()
    alike(model, twin)


def test_what_is_carried_stays_within_the_radius_of_its_new_row():
    dials = Dials((0.1, 1.0), radii=Proportional(1.0))
    model, memory = network(dials), {}
    for _ in range(3):
        (seat,) = dials.seats(model, model, X)
        game = Game(model, seat, Batch(X, Y), Linf(EPS), AT())
        for point in Carried(Step(0.05)).play(game, 2, memory):
            limit = (EPS * seat.reach)[:, None, None, None]
            assert (point.z.detach().abs() <= limit + 1e-6).all()
            AT().learn(point).mean().backward()
