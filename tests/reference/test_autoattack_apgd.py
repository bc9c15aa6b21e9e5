"""Auto-PGD against numbers recorded from its authors' code (../shared/reference/autoattack.npz), and closed forms.

Recorded without a departure are the losses and the whole course of a climb. Verdicts depend on the random start: between
three seeds of the recorded code one image of a hundred changes, so that is what they may differ by.
"""

import pytest
import torch
from safetensors.torch import load_file
from torch import nn


from robustdial.evaluate import APGD, APGDTargeted, PGDAttack, dlr, dlr_targeted, margin, parse
from robustdial.evaluate.aim import Aim, images, still
from robustdial.evaluate.climb import climb
from robustdial.models import build
from robustdial.objective.base import cross_entropy
from robustdial.threat import L2, Linf
from robustdial.typing import px

# stated with the reference numbers: twice what five perturbed official runs differ among themselves
PIXELS, LOSSES, GRADIENTS = 1e-6, 1e-4, 2e-4
BALL = Linf(px(8))


def close(a, b, tolerance):
    torch.testing.assert_close(a, b, atol=tolerance, rtol=0)


class Block(nn.Module):
    def __init__(self, before, after, stride):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(before, after, 3, stride, 1, bias=False), nn.BatchNorm2d(after)
        self.conv2, self.bn2 = nn.Conv2d(after, after, 3, 1, 1, bias=False), nn.BatchNorm2d(after)
        shortcut = nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after))
        self.shortcut = shortcut if stride > 1 else nn.Identity()

    def forward(self, x):
        out = self.bn2(self.conv2(self.bn1(self.conv1(x)).relu()))
        return (out + self.shortcut(x)).relu()


class Recorded(nn.Module):
    """The network of the recorded evaluation."""

    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16)
        shapes = [(16, 16, 1), (16, 16, 1), (16, 32, 2), (32, 32, 1), (32, 64, 2), (64, 64, 1), (64, 128, 2), (128, 128, 1)]
        self.blocks = nn.Sequential(*(Block(*shape) for shape in shapes))
        self.fc = nn.Linear(128, 10)

    def forward(self, x):
        return self.fc(self.blocks(self.bn1(self.conv1(x)).relu()).mean((2, 3)))


@pytest.fixture(scope="module")
def arrays(golden):
    return golden("autoattack")


@pytest.fixture(scope="module")
def net(shared):
    net = Recorded()
    net.load_state_dict(load_file(shared / "reference" / "rn18w16_cifar.safetensors"), strict=False)
    return net.eval()


# --- losses on given logits, some of them saturated ---------------------------------------------------------------


def test_losses(golden):
    terms = {name: value for name, value in golden("losses").items() if name.startswith("terms/")}
    logits, y, target = (terms[f"terms/{name}"] for name in ("logits_adv", "y", "dlr_target_class"))
    close(dlr(logits, y), terms["terms/dlr"], LOSSES)
    close(dlr_targeted(logits, y, target), terms["terms/dlr_targeted"], LOSSES)
    close(margin(logits, y).mean(), terms["terms/cw_margin_mean"], LOSSES)
    close(margin(logits, y).sum(), terms["terms/cw_margin_sum_f6"], LOSSES)
    logits = logits.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(margin(logits, y).sum(), logits)
    close(gradient, terms["terms/cw_margin_sum_f6_grad_logits_adv"], GRADIENTS)


# --- the recorded climbs ------------------------------------------------------------------------------------------


class Tireless(Aim):
    """An aim whose images go on after they have fallen, as in the recorded climbs."""

    def look(self, z):
        place = super().look(z)
        self.labels[-1].logical_or_(place.fallen)
        return place._replace(fallen=torch.zeros_like(place.fallen))


@pytest.fixture(scope="module")
def network_is_the_recorded_one(arrays, net):
    with torch.no_grad():
        close(net(arrays["x"]), arrays["logits_clean"], LOSSES)


@pytest.mark.usefixtures("network_is_the_recorded_one")
@pytest.mark.parametrize("case", ["ce", "dlr_targeted"])
def test_a_recorded_climb(arrays, net, case):
    recorded = {name.rpartition("/")[2]: value for name, value in arrays.items() if name.startswith(f"trace/{case}/")}
    x, y = arrays["x"][arrays["trace/rows"]], arrays["trace/y"]
    t = 2 * recorded["u01"] - 1
    start = torch.clamp(x + BALL.eps * t / t.abs().amax((1, 2, 3), keepdim=True), 0, 1)
    close(start, recorded["x_adv_0"], PIXELS)
    fallen = torch.zeros(len(x), dtype=torch.bool)
    if case == "ce":
        aim = Tireless(net, BALL, lambda logits, y, fallen: cross_entropy(logits, y), x, (y, fallen))
    else:
        target = recorded["y_target"]
        aim = Tireless(net, BALL, lambda logits, y, t, fallen: dlr_targeted(logits, y, t), x, (y, target, fallen))
