"""Published loops written line by line, against the composition: the arithmetic is the same, so is every bit."""

from dataclasses import dataclass

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from robustdial.dial import Dials, Fixed, dial
from robustdial.method import Method
from robustdial.objective import AT, Blend
from robustdial.recipes import oat, pgd_at
from robustdial.schedule import Constant
from robustdial.solver import PGD, Step
from robustdial.threat import L2, Linf
from robustdial.train import train_batch

EPS, STEP, STEPS = 0.1, 0.03, 4


def network():
    torch.manual_seed(3)
    return nn.Sequential(
        nn.Conv2d(1, 6, 3, padding=1),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.Conv2d(6, 8, 3, 2),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(72, 4),
    )


def batches(number=3):
    generator = torch.Generator().manual_seed(7)
    return [
        (torch.rand(10, 1, 8, 8, generator=generator), torch.randint(0, 4, (10,), generator=generator))
        for _ in range(number)
    ]


def sgd(model):
    return torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4)


def trained(model, method, passes):
    optimizer, memories = sgd(model), []
    torch.manual_seed(11)
    for x, y in batches():
        train_batch(model.train(), x, y, method, passes, optimizer, memories)
    return model.state_dict()


def same(a, b):
    return all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize("mode", ["eval", "train"])
def test_pgd_adversarial_training(mode):
    """Madry et al. 2018: k steps of projected ascent from a uniform start, then one step of the weights."""
    model = network()
    optimizer = sgd(model)
    torch.manual_seed(11)
    for x, y in batches():
        delta = torch.empty_like(x).uniform_(-1, 1) * EPS
        delta = torch.clamp(delta, -x, 1 - x)
        model.train(mode == "train")
        for _ in range(STEPS):
            delta.requires_grad_()
            (gradient,) = torch.autograd.grad(F.cross_entropy(model(x + delta), y, reduction="sum"), delta)
            delta = torch.clamp(delta.detach() + STEP * gradient.sign(), -EPS, EPS)
            delta = torch.clamp(delta, -x, 1 - x)
        model.train()
        optimizer.zero_grad()
        F.cross_entropy(model(x + delta), y).backward()
        optimizer.step()
    method = Method(Linf(EPS), PGD(Step(STEP), mode=mode), Constant(STEPS + 1), AT())
    assert same(model.state_dict(), trained(network(), method, STEPS + 1))


@dataclass(frozen=True)
class Replay:
    """Learn at every attack step, from the gradient that the learning pass has left."""

    step: float

    def play(self, game, passes, memory):
        z = memory.get("z", torch.zeros_like(game.victims))
        for _ in range(passes):
            point = game.open().at(z.detach().requires_grad_())
            yield point
            z = game.threat.project(game.threat.ascend(point.z.detach(), point.z.grad, self.step), game.victims, 1.0)
        memory["z"] = z


def test_free_adversarial_training():
    """Shafahi et al. 2019, algorithm 1: m replays of each batch, the perturbation carried from batch to batch."""
    model, replays = network(), 3
    optimizer, delta = sgd(model), torch.zeros(10, 1, 8, 8)
    model.train()
    for x, y in batches():
        for _ in range(replays):
            delta.requires_grad_()
            optimizer.zero_grad()
            F.cross_entropy(model(x + delta), y).backward()
            gradient, delta = delta.grad, delta.detach()
            optimizer.step()
            delta = torch.clamp(delta + EPS * gradient.sign(), -EPS, EPS)
            delta = torch.clamp(delta, -x, 1 - x)
    method = Method(Linf(EPS), Replay(EPS), Constant(replays), AT())
    assert same(model.state_dict(), trained(network(), method, replays))


def test_oat_with_every_image_at_lambda_one_learns_the_adversarial_loss_alone():
    """With one lambda, 1, the clean loss has no weight. From a fixed start, and attacked with the statistics of
    the batch (which the clean forward does not change), the weights move as in adversarial training."""
    dials = Dials((1.0,), dual=False)
    x, y = batches(1)[0]
    plain, dialed = network(), dial(network(), dials)
    for model, objective, exposed in ((plain, AT(), Fixed()), (dialed, Blend(), dials)):
        method = Method(Linf(EPS), PGD(Step(STEP), noise=0.0, mode="train"), Constant(STEPS + 1), objective, exposed)
        train_batch(model.train(), x, y, method, STEPS + 1, torch.optim.SGD(model.parameters(), lr=0.1), [])
    for name, weight in plain.named_parameters():
        owner, _, leaf = name.rpartition(".")
        twin = dialed.body.get_submodule(owner)
        twin = twin.robust[0] if hasattr(twin, "robust") else twin
        torch.testing.assert_close(twin.get_parameter(leaf), weight, atol=1e-5, rtol=1e-4)


def test_oat_with_every_image_at_lambda_zero_is_plain_training():
    """No adversary, the clean branch alone: the dialed network learns what a plain one learns, to rounding."""
    dials = Dials((0.0,))
    method = Method(Linf(EPS), PGD(Step(STEP)), Constant(STEPS + 1), Blend(), dials)
    dialed, model = dial(network(), dials), network()
    optimizers = [torch.optim.SGD(m.parameters(), lr=0.1) for m in (dialed, model)]
    frozen = [weight for name, weight in dialed.named_parameters() if ".film." in name]
    for weight in frozen:
        weight.requires_grad_(False)
    for x, y in batches():
        train_batch(dialed.train(), x, y, method, STEPS + 1, optimizers[0], [])
        optimizers[1].zero_grad()
        F.cross_entropy(model.train()(x), y).backward()
        optimizers[1].step()
    x = batches(1)[0][0]
    torch.testing.assert_close(dialed.eval().at(0.0)(x), model.eval()(x), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("eps", "size"), [(8 / 255, 10 / 255 / 7), (0.3, (0.3 + 4 / 255) / 7)])
def test_oat_takes_the_authors_step(eps, size):
    """alpha = min(1.25 eps, eps + 4/255) / steps"""
    method = oat(eps=eps)
    assert method.solver.step(method.threat.radius, 7) == pytest.approx(size)
    assert method.schedule.passes(None) == 8


def test_pgd_at_takes_madrys_step():
    method = pgd_at()
    assert method.solver.step(method.threat.radius, 7) == pytest.approx(2 / 255)


@pytest.mark.parametrize("threat", [Linf(0.1), L2(1.0)], ids=str)
def test_the_ascent_raises_the_loss_and_stays_inside(threat):
    model = network()
    x, y = batches(1)[0]
    seen = {}

    @dataclass(frozen=True)
    class Watched(AT):
        def learn(self, view):
            seen["z"], seen["loss"] = view.z, super().learn(view)
            return seen["loss"]

    model.eval()
    start = F.cross_entropy(model(x), y)
    train_batch(
        model,
        x,
        y,
        Method(threat, PGD(Step(spread=2)), Constant(9), Watched()),
        9,
        torch.optim.SGD(model.parameters(), lr=0.0),
        [],
    )
    assert seen["loss"].mean() > start + 0.01
    torch.testing.assert_close(threat.project(seen["z"], x, 1.0), seen["z"], atol=1e-6, rtol=0)
