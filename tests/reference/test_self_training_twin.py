"""The loss and the step of robust self-training, written line by line from the paper, against the composition."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from robustdial.data import Batch
from robustdial.dial import Fixed
from robustdial.method import Method
from robustdial.method.game import Game
from robustdial.method.objective import TRADES, Blend, SelfTraining
from robustdial.method.schedule import Constant
from robustdial.method.solver import PGD, Step
from robustdial.method.threat import Linf
from robustdial.training.batch import train_batch

pytestmark = pytest.mark.rounding

EPS, STEP, STEPS = 0.1, 0.03, 4
GUESSED = torch.tensor([False, True, True, False, True, False, False, True, True])


def network():
    torch.manual_seed(3)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 12), nn.ReLU(), nn.Linear(12, 4)).double()


def batch():
    return torch.rand(9, 1, 8, 8, dtype=torch.float64), torch.randint(0, 4, (9,))


def mean(losses, guessed, weight):
    labelled, others = losses[~guessed], losses[guessed]
    total = (1 - weight) * len(labelled) + weight * len(others)
    return ((1 - weight) * labelled.sum() + weight * others.sum()) / total


def paper_at(net, x, adv, y, guessed, beta, un, ur):
    natural, robust = (F.cross_entropy(net(images), y, reduction="none") for images in (x, adv))
    return (1 - beta) * mean(natural, guessed, un) + beta * mean(robust, guessed, ur)


def paper_trades(net, x, adv, y, guessed, beta, un, ur):
    p, q = net(x).softmax(1), net(adv).softmax(1)
    robust = (p * (p.log() - q.log())).sum(1)
    return mean(F.cross_entropy(net(x), y, reduction="none"), guessed, un) + beta * mean(robust, guessed, ur)


def learned(objective, net, x, y, guessed, z):
    seats = Fixed().seats(net, net, x)
    game = Game(net, seats[0], Batch(x, y, pseudo_labelled=guessed), Linf(EPS), objective)
    return objective.learn(game.open().at(z))


@pytest.mark.parametrize("guessed", [GUESSED, ~GUESSED, torch.zeros(9, dtype=torch.bool)], ids=["five", "four", "none"])
@pytest.mark.parametrize("weights", [(0.9, 0.5), (0.5, 0.5), (0.0, 0.3)])
def test_the_loss_is_the_papers(guessed, weights):
    net, (x, y) = network(), batch()
    z = torch.empty_like(x).uniform_(-EPS, EPS)
    for beta, objective, paper in ((0.5, Blend(0.5), paper_at), (6.0, TRADES(6.0), paper_trades)):
        loss = learned(SelfTraining(objective, *weights), net, x, y, guessed, z)
        assert loss.shape == y.shape
        torch.testing.assert_close(loss.mean(), paper(net, x, x + z, y, guessed, beta, *weights), atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("objective", [Blend(0.5), Blend(), TRADES()])
def test_equal_weights_or_no_guesses_leave_the_objective_as_it_is(objective):
    net, (x, y) = network(), batch()
    z = torch.empty_like(x).uniform_(-EPS, EPS)
    plain = learned(objective, net, x, y, GUESSED, z)
    torch.testing.assert_close(learned(SelfTraining(objective, 0.5, 0.5), net, x, y, GUESSED, z), plain)
    nothing = torch.zeros(9, dtype=torch.bool)
    torch.testing.assert_close(learned(SelfTraining(objective), net, x, y, nothing, z), plain, atol=1e-6, rtol=1e-6)
    assert not torch.allclose(learned(SelfTraining(objective, 0.9, 0.2), net, x, y, GUESSED, z), plain, atol=1e-3)


def test_a_batch_of_guesses_that_weigh_nothing_teaches_nothing():
    net, (x, y) = network(), batch()
    loss = learned(SelfTraining(Blend(), 0.0, 0.0), net, x, y, torch.ones(9, dtype=torch.bool), torch.zeros_like(x))
    assert (loss == 0).all()


def test_a_step_is_the_papers():
    net, (x, y) = network(), batch()
    other, optimizers = copy.deepcopy(net), []
    for model in (net, other):
        optimizers.append(torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9))
    method = Method(Linf(EPS), PGD(Step(STEP), noise=0.0), Constant(STEPS + 1), SelfTraining(Blend(0.5)))
    for _ in range(3):
        train_batch(net, Batch(x, y, pseudo_labelled=GUESSED), method, STEPS + 1, optimizers[0], [])
        z = torch.zeros_like(x)
        for _ in range(STEPS):
            z.requires_grad_()
            (slope,) = torch.autograd.grad(F.cross_entropy(other(x + z), y), z)
            z = torch.clamp(torch.clamp(z.detach() + STEP * slope.sign(), -EPS, EPS), -x, 1 - x)
        optimizers[1].zero_grad()
        paper_at(other, x, x + z, y, GUESSED, 0.5, 0.9, 0.5).backward()
        optimizers[1].step()
    for ours, theirs in zip(net.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=1e-5)
