"""Auto-PGD against numbers recorded from its authors' code (../shared/reference/autoattack.npz)."""

import copy
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from robustdial.attack import APGD, APGDTargeted, dlr, dlr_targeted, margin
from robustdial.attack.climb import climb
from robustdial.attack.problem import Problem, eval_mode
from robustdial.method.objective.base import cross_entropy
from robustdial.method.threat import Linf
from robustdial.typing import px

pytestmark = pytest.mark.rounding

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
        widths = (16, 16, 16, 32, 32, 64, 64, 128, 128)
        self.blocks = nn.Sequential(*(Block(a, b, 2 if a != b else 1) for a, b in pairwise(widths)))
        self.fc = nn.Linear(128, 10)

    def forward(self, x):
        return self.fc(self.blocks(self.bn1(self.conv1(x)).relu()).mean((2, 3)))


@pytest.fixture(scope="module")
def arrays(golden):
    return golden("autoattack")


@pytest.fixture(scope="module")
def net(shared):
    net = Recorded()
    net.load_state_dict(load_file(shared / "reference" / "rn18w16_cifar.safetensors"))
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


# --- a recorded climb ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Tireless(Problem):
    """An problem that notes who has misclassified and lets nobody go, as in the recorded climbs."""

    misclassified: list[torch.Tensor] = field(default_factory=list)

    def look(self, z):
        place = super().look(z)
        self.misclassified.append(place.misclassified)
        return place._replace(misclassified=torch.zeros_like(place.misclassified))


def test_the_recorded_network(arrays, net):
    with torch.no_grad():
        close(net(arrays["x"]), arrays["logits_clean"], LOSSES)


@pytest.mark.parametrize(
    ("case", "loss", "told", "rows"),
    [("ce", cross_entropy, (), [0, 2, 4]), ("dlr_targeted", dlr_targeted, ("y_target",), [1, 2, 3])],
    ids=["ce", "dlr_targeted"],
)
def test_a_recorded_climb(arrays, net, case, loss, told, rows):
    """In double precision: in single precision rounding decides at a kink, and where losses are nearly equal."""
    recorded = {k.removeprefix(f"trace/{case}/"): v for k, v in arrays.items() if k.startswith(f"trace/{case}/")}
    x, t = arrays["x"][arrays["trace/rows"]].double(), 2 * recorded["u01"].double() - 1
    start = torch.clamp(x + BALL.eps * t / t.abs().amax((1, 2, 3), keepdim=True), 0, 1)
    labels = (arrays["trace/y"], *(recorded[name] for name in told))
    problem = Tireless(copy.deepcopy(net).double(), BALL, loss, x, labels).of(torch.tensor(rows))
    with eval_mode(problem.f):
        course = list(climb(problem, (start - x)[rows], 100))
    assert len(course) == 101
    for k in (0, 1, 2, 3, 10, 22):
        close((problem.x + course[k].here.z).float(), recorded[f"x_adv_{k}"][rows], PIXELS)
    for k in range(1, 101):
        assert torch.equal(course[k].size.float(), recorded["step_size_f64"][k - 1, rows]), k
        close(course[k].last.float(), recorded["loss_f64"][k, rows], LOSSES)
    close(course[-1].top.loss.float(), recorded["loss_best"][rows], LOSSES)
    assert torch.equal(torch.stack(problem.misclassified).any(0), recorded["still_correct"][rows] == 0)


# --- verdicts -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("attack", "key", "rows"),
    [
        (APGD(), "apgd_ce", [7, 14, 24, 33, 39, 60]),
        (APGDTargeted(classes=1), "apgd_t", [7, 14, 24, 33, 39, 60]),  # the likeliest class is enough for these
    ],
    ids=["ce", "t"],
)
def test_verdicts(arrays, net, attack, key, rows):
    """Of images whose verdict the recorded code does not owe to its random start."""
    x, y = arrays["x"][rows], arrays["y"][rows]
    adv = attack(net, x, y, BALL)
    assert (adv - x).abs().max() <= BALL.eps + PIXELS
    with torch.no_grad():
        assert (net(adv).argmax(1) == y).long().tolist() == arrays[f"individual/{key}/robust"][rows].tolist()
