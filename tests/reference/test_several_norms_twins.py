"""Training against several norms, line by line: E-AT from public code, AVG and MAX from their equations.

The L1 projection is found here by bisection, in double precision.
"""

import pytest
import torch
from torch.nn import functional as F
from twin import STEPS, batches, crossed, network, sgd, slope, update

from robustdial.data import Batch
from robustdial.method import Method
from robustdial.method.objective import AT
from robustdial.method.schedule import Constant
from robustdial.method.solver import PGD, EachBall, OneBall, Step, WorstBall
from robustdial.method.threat import L1, L2, Linf, Union
from robustdial.training.batch import train_batch

pytestmark = pytest.mark.rounding

EPS, EPS2, EPS1, SHARE, STEP = 0.1, 0.6, 3.0, 0.05, 0.25
ADVERSARY = PGD(Step(spread=STEP * STEPS), noise=0.0)


def in_linf(delta, x):
    return torch.clamp(torch.clamp(delta, -EPS, EPS), -x, 1 - x)


def up_linf(delta, gradient):
    return delta + STEP * EPS * gradient.sign()


def in_l2(delta, x):
    delta = torch.clamp(delta, -x, 1 - x)
    return delta * (EPS2 / delta.flatten(1).norm(dim=1)).clamp(max=1)[:, None, None, None]


def up_l2(delta, gradient):
    return delta + STEP * EPS2 * gradient / gradient.flatten(1).norm(dim=1)[:, None, None, None]


def in_l1(delta, x):
    """What is left when t is taken off every size and the rest is cut to [0, 1], with the least t that is enough."""
    low, high = torch.zeros(len(x), 1, 1, 1, dtype=x.dtype), delta.abs().flatten(1).amax(1)[:, None, None, None]

    def cut(t):
        return torch.clamp(delta.sign() * (delta.abs() - t).clamp_min(0), -x, 1 - x)

    for _ in range(80):
        middle = (low + high) / 2
        fits = cut(middle).abs().flatten(1).sum(1)[:, None, None, None] <= EPS1
        low, high = torch.where(fits, low, middle), torch.where(fits, middle, high)
    return torch.where(cut(0 * high).abs().flatten(1).sum(1)[:, None, None, None] <= EPS1, cut(0 * high), cut(high))


def up_l1(delta, gradient):
    pixels = gradient.abs().flatten(1)
    bar = pixels.sort(1).values[:, int((1 - SHARE) * pixels.shape[1])][:, None, None, None]
    way = gradient.sign() * (gradient.abs() >= bar)
    return delta + STEP * EPS1 * way / way.abs().flatten(1).sum(1)[:, None, None, None]


def attacked(model, x, y, project, up):
    delta = torch.zeros_like(x)
    for _ in range(STEPS):
        delta = project(up(delta, slope(crossed(model, x, y), delta)), x)
    return delta


NORMS = {"linf": (in_linf, up_linf), "l2": (in_l2, up_l2), "l1": (in_l1, up_l1)}


def e_at(model, optimizer, batches):
    """Croce & Hein 2022: the norm of each batch is drawn by what its adversaries have broken so far."""
    norms, right, tried = [NORMS["linf"], NORMS["l1"]], [0, 0], [0, 0]
    for x, y in batches:
        errors = [1 - r / t for r, t in zip(right, tried, strict=True)] if all(tried) else [0.5, 0.5]
        drawn = int(torch.rand((), dtype=torch.float64) >= errors[0] / sum(errors))
        model.eval()
        delta = attacked(model, x, y, *norms[drawn])
        right[drawn] += int((model(x + delta).argmax(1) == y).sum())
        tried[drawn] += len(x)
        model.train()
        update(optimizer, F.cross_entropy(model(x + delta), y))


def avg(model, optimizer, batches):
    """Tramer & Boneh 2019: the mean of the losses under each norm."""
    for x, y in batches:
        losses = []
        for norm in NORMS.values():
            model.eval()
            delta = attacked(model, x, y, *norm)
            model.train()
            losses.append(F.cross_entropy(model(x + delta), y))
        update(optimizer, sum(losses) / len(losses))


def worst(model, optimizer, batches):
    """Tramer & Boneh 2019: each image's adversary of the norm under which its loss is highest."""
    for x, y in batches:
        model.eval()
        deltas = [attacked(model, x, y, *norm) for norm in NORMS.values()]
        losses = torch.stack([F.cross_entropy(model(x + delta), y, reduction="none") for delta in deltas])
        delta = torch.stack(deltas)[losses.argmax(0), torch.arange(len(x))]
        model.train()
        update(optimizer, F.cross_entropy(model(x + delta), y))


class Still:
    """A ball; the start at the clean image draws no random numbers."""

    def noise(self, x, reach, amount):
        assert amount == 0
        return torch.zeros_like(x)


class StillLinf(Still, Linf):
    pass


class StillL2(Still, L2):
    pass


class StillL1(Still, L1):
    pass


LINF, EUCLID, SUM = StillLinf(EPS), StillL2(EPS2), StillL1(EPS1, SHARE)
TWINS = {
    "e-at": (e_at, Union((LINF, SUM)), OneBall(ADVERSARY), STEPS + 1),
    "avg-at": (avg, Union((LINF, EUCLID, SUM)), EachBall(ADVERSARY), 3 * (STEPS + 1)),
    "max-at": (worst, Union((LINF, EUCLID, SUM)), WorstBall(ADVERSARY), 3 * STEPS + 1),
}


@pytest.mark.parametrize("name", TWINS)
def test_twins(name):
    loop, threat, solver, passes = TWINS[name]
    data = [(x.double(), y) for x, y in batches(number=6)]
    published, composed = network().double().train(), network().double().train()
    torch.manual_seed(5)
    loop(published, sgd(published), data)
    method, optimizer, memories = Method(threat, solver, Constant(passes), AT()), sgd(composed), []
    torch.manual_seed(5)
    for x, y in data:
        train_batch(composed, Batch(x, y), method, passes, optimizer, memories)
    ours, theirs = composed.state_dict(), published.state_dict()
    torch.testing.assert_close(ours, theirs, atol=1e-9, rtol=0)
    if name == "e-at":
        assert (memories[0]["tried"] > 0).all()  # both norms were drawn, and the errors told in what follows
