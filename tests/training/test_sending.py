"""A loss that is a sum of terms is learned from term by term: the same weights as from the whole, with less memory."""

import copy
from contextlib import nullcontext
from dataclasses import dataclass

import pytest
import torch

from robustdial.data import Batch
from robustdial.method import Method
from robustdial.method.learner import Plain
from robustdial.method.objective import Blend, Distilled, Guided, Smoothed, Targeted
from robustdial.method.schedule import Constant
from robustdial.method.solver import YOPO, Step
from robustdial.method.threat import Linf
from robustdial.models import build
from robustdial.plan.counted import counted
from robustdial.recipes import RECIPES
from robustdial.training.batch import train_batch

IMAGES, CLASSES, SHAPE = 12, 4, (1, 8, 8)


@dataclass(frozen=True)
class AtOnce(Plain):
    """The weights learn from the whole loss when the adversary has moved."""

    @property
    def still(self):
        return False


def composed(objective, solver=None):
    return Method(Linf(0.1), solver or YOPO(Step(0.02)), Constant(3), objective)


METHODS = {
    name: RECIPES[name] for name in ("oat", "oats", "m-oat", "rst", "rst-oat", "spatial-at", "gradalign", "elle")
}
METHODS |= {
    "yopo, blended": lambda: composed(Blend(0.5)),
    "smoothed": lambda: composed(Smoothed(Blend(0.5), 0.1)),
    "distilled": lambda: composed(Distilled(Targeted(Blend(0.5)), 0.5)),
    "guided": lambda: composed(Guided(Blend(0.5))),
}
TO_THE_BIT = {"oat", "m-oat", "rst", "spatial-at", "rst-oat"}
"""Each gradient is a sum of two numbers, whatever their order."""


def trained(method, learner, accumulate=1, watched=lambda model: nullcontext(), updates=2):
    """The weights after some updates, the statistics of the last, and what `watched` gave."""
    torch.manual_seed(0)
    plain = build("cnn", classes=CLASSES, shape=SHAPE, mean=[0.5], std=[0.5], width=4)
    teacher = copy.deepcopy(plain).double().eval()
    x, y = torch.rand(IMAGES, *SHAPE, dtype=torch.float64), torch.arange(IMAGES) % CLASSES
    model = method.dial.put_on(plain, example=x[:2].float()).double().train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    how = {"learner": learner, "teacher": teacher, "accumulate": accumulate}
    with watched(model) as seen:
        for _ in range(updates):
            sums = train_batch(model, Batch(x, y), method, 3, optimizer, [], **how)
    return model.state_dict(), sums, seen


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("accumulate", [1, 2])
def test_term_by_term_the_weights_are_those_of_the_whole(name, accumulate):
    (weights, sums, _), (expected, of_whole, _) = (
        trained(METHODS[name](), learner, accumulate) for learner in (Plain(), AtOnce())
    )
    tolerance = 0.0 if accumulate == 1 and name in TO_THE_BIT else 1e-12
    torch.testing.assert_close(weights, expected, rtol=tolerance, atol=tolerance)
    torch.testing.assert_close(sums, of_whole, rtol=tolerance, atol=tolerance)


SHARES = {"oat": 0.56, "oats": 0.4, "rst": 0.51, "gradalign": 0.7, "elle": 0.76}


@pytest.mark.parametrize("name", SHARES)
def test_term_by_term_less_is_kept(name):
    term_by_term, at_once = (
        trained(RECIPES[name](), learner, watched=counted, updates=1)[2].peak for learner in (Plain(), AtOnce())
    )
    assert term_by_term < SHARES[name] * at_once


@dataclass(frozen=True)
class Forgetful:
    """Opens so many points and yields each so many times."""

    opened: int
    yielded: int

    def play(self, game, passes, memory):
        for _ in range(self.opened):
            point = game.open()
        for _ in range(self.yielded):
            yield point.at(game.noise(1.0))


@pytest.mark.parametrize(("opened", "yielded"), [(2, 1), (1, 2)])
def test_a_solver_that_learns_from_other_points_than_it_opened_is_refused(opened, yielded):
    with pytest.raises(ValueError, match=r"Forgetful opens more or fewer points .* Call game.open\(\) once for each"):
        trained(composed(Blend(0.5), Forgetful(opened, yielded)), Plain())
