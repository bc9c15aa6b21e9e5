"""The dial at its ends is adversarial and plain training, and recipes take their authors' steps."""

from dataclasses import dataclass

import pytest
import torch
from torch.nn import functional as F
from twin import EPS, STEP, STEPS, batches, network

from robustdial.data import Batch
from robustdial.dial import Dials, Fixed, dial
from robustdial.method import Method
from robustdial.method.objective import AT, Blend
from robustdial.method.schedule import Constant
from robustdial.method.solver import PGD, Step
from robustdial.method.threat import L2, Linf
from robustdial.recipes import oat, pgd_at
from robustdial.training.batch import train_batch

pytestmark = pytest.mark.rounding


def test_oat_with_every_image_at_lambda_one_learns_the_adversarial_loss_alone():
    """With one lambda, 1, the clean loss has no weight. From a fixed start, and attacked with the statistics of
    the batch (which the clean forward does not change), the weights move as in adversarial training. In double
    precision, where rounding decides no sign."""
    dials = Dials((1.0,), dual=False)
    x, y = batches(1)[0]
    x, plain, dialed = x.double(), network().double(), dial(network(), dials).double()
    for model, objective, exposed in ((plain, AT(), Fixed()), (dialed, Blend(), dials)):
        method = Method(Linf(EPS), PGD(Step(STEP), noise=0.0, mode="train"), Constant(STEPS + 1), objective, exposed)
        train_batch(model.train(), Batch(x, y), method, STEPS + 1, torch.optim.SGD(model.parameters(), lr=0.1), [])
    for name, weight in plain.named_parameters():
        owner, _, leaf = name.rpartition(".")
        twin = dialed.body.get_submodule(owner)
        twin = twin.robust[0] if hasattr(twin, "robust") else twin
        torch.testing.assert_close(twin.get_parameter(leaf), weight, atol=1e-9, rtol=0)


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
        train_batch(dialed.train(), Batch(x, y), method, STEPS + 1, optimizers[0], [])
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


@pytest.mark.parametrize("threat", [Linf(0.1), L2(1.0)])
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
        Batch(x, y),
        Method(threat, PGD(Step(spread=2)), Constant(9), Watched()),
        9,
        torch.optim.SGD(model.parameters(), lr=0.0),
        [],
    )
    assert seen["loss"].mean() > start + 0.01
    torch.testing.assert_close(threat.project(seen["z"], x, 1.0), seen["z"], atol=1e-6, rtol=0)
