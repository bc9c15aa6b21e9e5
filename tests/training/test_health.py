"""What the monitor sees, and what it makes of it."""

import math

import pytest
import torch
from torch import nn

from robustdial.distributed import Shard
from robustdial.method.threat import L2, Linf, spatial
from robustdial.models import build
from robustdial.training.health import Trouble, diagnose, look, probe_size

HEALTHY = {"clean": 0.5, "one_step": 0.33, "many_steps": 0.3, "linearity": 0.9, "top": 0.2, "n": 50}


def epochs(*changes, loss=1.5, adv=0.3, robust=0.3, passes=2, n=800, images=4500):
    """Records of epochs: healthy ones with these changes."""
    records = []
    for change in changes:
        health = HEALTHY | {k: v for k, v in change.items() if k in HEALTHY}
        rest = {
            "loss": loss,
            "passes": passes,
            "adv": adv,
            "images": images,
            "val": [{"lam": None, "clean": 0.5, "robust": change.get("robust", robust), "n": n}],
        }
        records.append(rest | {"health": health} | {k: v for k, v in change.items() if k in rest})
    return records


ONE_CLASS = {"top": 1.0, "clean": 0.1, "one_step": 0.1, "many_steps": 0.1}
CHANCE = {"clean": 0.12, "one_step": 0.1, "many_steps": 0.1}
FELL = {"one_step": 0.7, "many_steps": 0.02}
CASES = [
    ("healthy", epochs({}, {}, {}), None),
    ("no adversary yet", epochs({}, {}, FELL | {"linearity": 0.2}, passes=1), None),
    ("one step survived, several not", epochs({}, {}, FELL), Trouble.CATASTROPHIC),
    ("half of the robustness lost", epochs({}, {}, {"one_step": 0.4, "many_steps": 0.15}), Trouble.CATASTROPHIC),
    ("half of it lost, by chance", epochs({}, {}, {"one_step": 0.4, "many_steps": 0.15, "n": 20}), None),
    ("never robust", epochs(*[{"one_step": 0.4, "many_steps": 0.02, "linearity": 0.2}] * 2), Trouble.CATASTROPHIC),
    ("right only as it trains", epochs({}, {"one_step": 0.1, "many_steps": 0, "linearity": 0.2}), Trouble.CATASTROPHIC),
    ("not robust yet, but straight", epochs(*[{"one_step": 0.2, "many_steps": 0.0}] * 2), None),
    ("robustness lost together with the rest", epochs({}, {}, {"one_step": 0.1, "many_steps": 0.1}), None),
    ("one class", epochs({}, ONE_CLASS, ONE_CLASS), Trouble.COLLAPSE),
    ("one class, for an epoch", epochs({}, ONE_CLASS), None),
    ("one class at first", epochs(ONE_CLASS, ONE_CLASS), None),
    ("chance", epochs(*[CHANCE] * 5, adv=0.1), Trouble.STUCK),
    ("chance for a while", epochs(*[CHANCE] * 4, adv=0.1), None),
    ("chance on the few images of the probe alone", epochs(*[CHANCE] * 5, adv=0.19), None),
    ("chance, by few training images", epochs(*[CHANCE] * 5, adv=0.19, images=20), Trouble.STUCK),
    ("not finite", epochs({}, {"loss": math.nan}), Trouble.NOT_FINITE),
    (
        "robust on training images only",
        epochs({"robust": 0.3, "adv": 0.3}, {"robust": 0.28, "adv": 0.5}, {"robust": 0.2, "adv": 0.6}),
        Trouble.ROBUST,
    ),
    (
        "robust on training images only, by chance",
        epochs({"robust": 0.3, "adv": 0.3}, {"robust": 0.2, "adv": 0.6}, n=50),
        None,
    ),
    ("less robust on all images", epochs({"robust": 0.3, "adv": 0.3}, {"robust": 0.2, "adv": 0.3}), None),
]


@pytest.mark.parametrize(("records", "trouble"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_diagnosis(records, trouble):
    assert diagnose(records, classes=10) is trouble


def test_one_class_in_the_last_epoch_is_told_at_once():
    assert diagnose(epochs({}, ONE_CLASS), classes=10, ended=True) is Trouble.COLLAPSE


class Masked(nn.Module):
    """Right at the image and one full step away from it, wrong in between: what catastrophic overfitting learns."""

    def __init__(self, eps):
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, x):
        away = (x.mean((1, 2, 3)) - 0.5) / self.eps  # 0 at the image, -1 one full step down
        dip = 4 * away * (1 + away)  # negative only between them
        return torch.stack([self.weight * (1 + 2 * dip), torch.zeros_like(dip)], dim=1)


def test_a_set_that_is_no_ball_is_not_expected_to_be_flat():
    x, y = torch.rand(8, 1, 8, 8), torch.arange(8) % 4
    net = build("cnn", classes=4, shape=(1, 8, 8), mean=(0.5,), std=(0.5,), width=4)
    assert look(net, x, y, spatial()).linearity == 1 > look(net, x, y, Linf(0.5)).linearity


@pytest.mark.parametrize("threat", [Linf(0.1), L2(0.1 * 4)])
def test_a_network_that_masks_its_gradient_is_seen(threat):
    x, y = torch.full((40, 1, 4, 4), 0.5), torch.zeros(40, dtype=torch.int64)
    seen = look(Masked(0.1), x, y, threat)
    assert seen.clean == seen.one_step == 1
    assert seen.many_steps < 0.5
    assert seen.top == 1
    assert seen.n == 40


@pytest.mark.rounding
def test_a_linear_network_is_as_linear_as_can_be():
    x, y = torch.rand(20, 3, 4, 4), torch.randint(0, 2, (20,))
    seen = look(nn.Sequential(nn.Flatten(), nn.Linear(48, 2)), x, y, Linf(0.1))
    assert seen.linearity == pytest.approx(1, abs=1e-5)
    assert seen.one_step <= seen.many_steps  # one full step is the worst there is


@pytest.mark.parametrize("weight", [9.0, 16.0, 20.0])
def test_a_network_that_is_sure_is_as_linear_as_another(weight):
    sure = nn.Sequential(nn.Flatten(), nn.Linear(4, 2)).requires_grad_(False)
    sure[1].weight.copy_(torch.tensor([[weight] * 4, [-weight] * 4]))  # gradients of some 1e-15, 1e-25, 1e-32
    seen = look(sure.requires_grad_(), torch.full((3, 1, 2, 2), 0.45), torch.zeros(3, dtype=torch.int64), Linf(0.01))
    assert seen.linearity == pytest.approx(1, abs=1e-5)


def test_a_process_without_an_image_to_look_at_adds_nothing():
    net, y = nn.Sequential(nn.Flatten(), nn.Linear(4, 2)), torch.zeros(0, dtype=torch.int64)
    assert look(net, torch.rand(0, 1, 2, 2), y, Linf(0.1), shard=Shard(1, 1, 2)) == (0, 0, 0, 0, 0, 1)


def test_looking_leaves_the_network_alone():
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(16, 3)).train()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    look(net, torch.rand(8, 1, 4, 4), torch.arange(8) % 3, Linf(0.1))
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
    assert net.training
    assert all(weight.grad is None and weight.requires_grad for weight in net.parameters())


def test_looking_costs_under_three_hundredths_of_an_epoch_of_two_passes():
    for images in (7_000, 10_000, 50_000, 1_200_000):
        looks = []
        net = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
        net.register_forward_hook(lambda module, given, out, looks=looks: looks.append(len(out)))
        n = probe_size(images)
        look(net, torch.rand(n, 1, 2, 2), torch.zeros(n, dtype=torch.int64), Linf(0.1))
        assert sum(looks) / (2 * images) < 0.03


def seen_along(*cleans, n=500):
    """Records of epochs in which the positions of a dial have these clean accuracies."""
    points = [[{"lam": i / 2, "clean": clean, "n": n} for i, clean in enumerate(look)] for look in cleans]
    return [record | {"along": look} for record, look in zip(epochs(*[{}] * len(cleans)), points, strict=True)]


DIALS = [
    ("a dial as it should be", seen_along((0.7, 0.7, 0.7), (0.72, 0.65, 0.5)), False, None),
    ("a far end that falls", seen_along((0.97, 0.98, 0.94), (0.97, 0.98, 0.45)), False, Trouble.FALLEN),
    ("a middle that falls", seen_along((0.7, 0.7, 0.7), (0.7, 0.2, 0.5)), False, Trouble.FALLEN),
    ("a clean end that falls", seen_along((0.7, 0.7, 0.7), (0.1, 0.6, 0.5)), False, Trouble.FALLEN),
    ("a far end that learns more slowly", seen_along((0.5, 0.3, 0.1), (0.6, 0.4, 0.2)), False, None),
    ("a far end that fell in the first epoch", seen_along((0.9, 0.8, 0.1)), True, Trouble.FALLEN),
    ("all of it, a little", seen_along((0.9, 0.8, 0.7), (0.6, 0.5, 0.4)), False, None),
    ("by chance", seen_along((0.4, 0.4, 0.4), (0.4, 0.4, 0.18), n=20), False, None),
]


@pytest.mark.parametrize(("records", "begun", "trouble"), [case[1:] for case in DIALS], ids=[case[0] for case in DIALS])
def test_diagnosis_of_a_dial(records, begun, trouble):
    assert diagnose(records, classes=10, begun=begun) is trouble


def test_what_is_lost_without_an_adversary_is_not_overfitting():
    def epoch(passes, adv, robust):
        return {"loss": 1.0, "passes": passes, "adv": adv, "health": HEALTHY, "val": [{"robust": robust, "n": 512}]}

    falling = [(0.45, 0.3), (0.65, 0.15), (0.75, 0.05)]
    assert diagnose([epoch(1, *point) for point in falling], 10) is None
    assert diagnose([epoch(4, *point) for point in falling], 10) is Trouble.ROBUST
    warm_then_learning = [epoch(1, 0.99, 0.3), epoch(4, 0.3, 0.25), epoch(4, 0.6, 0.1)]
    assert diagnose(warm_then_learning, 10) is Trouble.ROBUST
