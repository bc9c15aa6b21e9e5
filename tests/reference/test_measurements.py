"""What training reports is what it says: the gradient per image, the cost, smoothed labels, averaged weights."""

from dataclasses import dataclass

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from robustdial.data import Batch
from robustdial.dial import Fixed
from robustdial.method import Method
from robustdial.method.game import Game
from robustdial.method.learner import AWP, Plain
from robustdial.method.objective import ALP, AT, MART, TRADES, Abnormal, Blend, GradAlign, Smoothed
from robustdial.method.schedule import Constant
from robustdial.method.solver import PGD, YOPO, Carried, Friendly, Replay, Step
from robustdial.method.threat import Linf
from robustdial.training.batch import train_batch
from robustdial.training.engine import averaged

pytestmark = pytest.mark.rounding

IMAGES, CLASSES = 12, 4


def network(norm=nn.Identity):
    torch.manual_seed(3)
    return nn.Sequential(
        nn.Conv2d(1, 6, 3, padding=1), norm(6), nn.ReLU(), nn.Flatten(), nn.Linear(6 * 36, CLASSES)
    ).train()


def batch():
    generator = torch.Generator().manual_seed(7)
    return torch.rand(IMAGES, 1, 6, 6, generator=generator), torch.arange(IMAGES) % CLASSES


def learn(solver, passes, objective=None, dial=None, model=None, learner=None, rows=slice(None)):
    model, (x, y) = model or network(), batch()
    method = Method(Linf(0.1), solver, Constant(passes), objective or AT(), dial or Fixed())
    still = torch.optim.SGD(model.parameters(), lr=0.0)
    return train_batch(model, Batch(x[rows], y[rows]), method, passes, still, [], learner=learner or Plain())


# --- the gradient -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Widths:
    """A dial of some widths, all of them the network itself."""

    number: int

    def seats(self, model, forward, x, shard=None):
        return Fixed().seats(model, forward, x, shard) * self.number


STILL = PGD(Step(0.02), noise=0.0)


def gradient(sums):
    return float(sums["gradient"]) / float(sums["gradient_rows"])


def by_hand():
    """The mean over the images of the L1 norm of the gradient of each image's own loss."""
    model, (x, y) = network(), batch()
    norms = []
    for i in range(IMAGES):
        image = x[i : i + 1].clone().requires_grad_()
        (slope,) = torch.autograd.grad(F.cross_entropy(model(image), y[i : i + 1]), image)
        norms.append(float(slope.abs().sum()))
    return sum(norms) / IMAGES


@pytest.mark.parametrize(
    "sums",
    [
        lambda: learn(STILL, 1),
        lambda: learn(Replay(Step(0.02), noise=0.0), 1),
        lambda: learn(STILL, 1, dial=Widths(2)),
        lambda: learn(STILL, 1, dial=Widths(3)),
        # the adversary's steps are too small to be seen: all parts stand where the first one stood
        lambda: learn(YOPO(Step(1e-9), noise=0.0), 4),
        lambda: learn(YOPO(Step(1e-9), noise=0.0), 4, dial=Widths(2)),
    ],
    ids=["pgd", "replay", "two widths", "three widths", "four parts", "four parts at two widths"],
)
def test_the_gradient_is_that_of_each_images_own_loss(sums):
    assert gradient(sums()) == pytest.approx(by_hand(), rel=1e-4)


@pytest.mark.parametrize("size", [1, 5, 12])
def test_the_gradient_does_not_know_the_size_of_the_batch(size):
    parts = [learn(STILL, 3, rows=slice(i, i + size)) for i in range(0, IMAGES, size)]
    total = sum(float(part["gradient"]) for part in parts) / sum(int(part["gradient_rows"]) for part in parts)
    assert total == pytest.approx(gradient(learn(STILL, 3)), rel=1e-5)


# --- the cost -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("solver", "passes", "objective", "learner", "forwards"),
    [
        (PGD(Step(0.02)), 1, AT(), Plain(), 1),
        (PGD(Step(0.02)), 8, AT(), Plain(), 8),
        (Replay(Step(0.02)), 5, AT(), Plain(), 5),
        (Carried(Step(0.02)), 5, AT(), Plain(), 5),
        (YOPO(Step(0.02), inner=3), 5, AT(), Plain(), 5),
        (PGD(Step(0.02)), 8, TRADES(), Plain(), 10),  # the clean images, and the target of the adversary
        (PGD(Step(0.02)), 8, MART(), Plain(), 9),
        (PGD(Step(0.02)), 8, ALP(), Plain(), 9),
        (PGD(Step(0.02)), 2, GradAlign(AT()), Plain(), 4),
        (PGD(Step(0.02)), 8, AT(), AWP(), 9),
        (PGD(Step(0.02)), 8, TRADES(), AWP(), 12),
        (PGD(Step(0.02)), 8, Blend(0.5), AWP(), 11),  # the clean images were looked at already
        (PGD(Step(0.02)), 1, Blend(0.0), Plain(), 1),
        (PGD(Step(0.02)), 2, Abnormal(AT()), Plain(), 2),
    ],
)
def test_the_cost_is_what_the_recipes_say(solver, passes, objective, learner, forwards):
    assert int(learn(solver, passes, objective, learner=learner)["spent"]) == forwards * IMAGES


class Counted(nn.Module):
    def __init__(self, body):
        super().__init__()
        self.body, self.images = body, 0

    def forward(self, x):
        self.images += len(x)
        return self.body(x)


@pytest.mark.parametrize(
    ("solver", "objective"),
    [
        (PGD(Step(0.02)), TRADES()),
        (Friendly(Step(0.05)), AT()),
        (Friendly(Step(0.05), patience=2), TRADES()),
        (YOPO(Step(0.02)), MART()),
    ],
)
@pytest.mark.parametrize("learner", [Plain(), AWP()])
def test_every_image_that_was_forwarded_is_counted(solver, objective, learner):
    model = Counted(network())
    assert int(learn(solver, 6, objective, model=model, learner=learner)["spent"]) == model.images


def test_a_friendly_adversary_costs_less_the_less_patience_it_has():
    spent = [int(learn(Friendly(Step(0.05), patience), 8)["spent"]) for patience in (0, 2, 7)]
    assert spent[0] < spent[1] < spent[2] == 8 * IMAGES


# --- smoothed labels ----------------------------------------------------------------------------------------------


def opened(objective):
    model, (x, y) = network(), batch()
    (seat,) = Fixed().seats(model, model, x)
    return Game(model, seat, Batch(x, y), Linf(0.1), objective).open().at(torch.full_like(x, 0.05)), y


@pytest.mark.parametrize("amount", [0.0, 0.1, 0.5])
def test_smoothed_adversarial_training_is_cross_entropy_with_label_smoothing(amount):
    point, y = opened(AT())
    expected = F.cross_entropy(point.adv, y, label_smoothing=amount, reduction="none")
    torch.testing.assert_close(Smoothed(AT(), amount).learn(point), expected, atol=1e-6, rtol=0)
    torch.testing.assert_close(Smoothed(AT(), amount).attack(point), F.cross_entropy(point.adv, y, reduction="none"))


@pytest.mark.parametrize(("objective", "clean", "adv"), [(TRADES(6), 1, 0), (ALP(0.5), 1, 1), (MART(5), 0, 1)])
def test_smoothing_changes_the_cross_entropies_of_an_objective_alone(objective, clean, adv):
    point, y = opened(objective)

    def added(logits):
        hard = F.cross_entropy(logits, y, reduction="none")
        return F.cross_entropy(logits, y, label_smoothing=0.1, reduction="none") - hard

    change = Smoothed(objective, 0.1).learn(point) - objective.learn(point)
    torch.testing.assert_close(change, clean * added(point.clean) + adv * added(point.adv), atol=1e-5, rtol=0)


# --- averaged weights ---------------------------------------------------------------------------------------------


def test_the_average_is_the_recursion():
    """The first update copies; then average <- d average + (1 - d) weights, running statistics too; d grows."""
    model, decay = network(nn.BatchNorm2d), 0.7
    average, expected = averaged(model, decay), None
    for done in range(30):
        d = min(decay, (1 + done) / (10 + done))
        with torch.no_grad():
            for weight in model.parameters():
                weight.add_(torch.randn_like(weight))
        model(batch()[0])
        average.update_parameters(model)
        now = {name: value.clone() for name, value in model.state_dict().items() if value.is_floating_point()}
        expected = now if expected is None else {n: d * expected[n] + (1 - d) * v for n, v in now.items()}
    for name, value in expected.items():
        torch.testing.assert_close(average.module.state_dict()[name], value, atol=1e-5, rtol=0)
    assert not any(weight.requires_grad for weight in average.parameters())


def test_the_average_does_not_move_the_network():
    model = network()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    average = averaged(model, 0.9)
    average.update_parameters(model)
    average.module[0].weight.add_(1.0)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
