"""What the monitor sees, what it makes of it, and what follows."""

import json
import math
from pathlib import Path

import pytest
import torch
from torch import nn

from robustdial import record
from robustdial.health import Trouble, diagnose, look, probe_size
from robustdial.run import Run, start
from robustdial.threat import L2, Linf

HEALTHY = {"clean": 0.5, "one_step": 0.33, "many_steps": 0.3, "linearity": 0.9, "top": 0.2, "n": 50}


def epochs(*changes, loss=1.5, adv=0.3, robust=0.3):
    """Records of epochs: healthy ones with these changes."""
    records = []
    for change in changes:
        health = HEALTHY | {k: v for k, v in change.items() if k in HEALTHY}
        rest = {"loss": loss, "adv": adv, "val": [{"lam": None, "clean": 0.5, "robust": change.get("robust", robust)}]}
        records.append(rest | {"health": health} | {k: v for k, v in change.items() if k in rest})
    return records


FELL = {"one_step": 0.7, "many_steps": 0.02}
CASES = [
    ("healthy", epochs({}, {}, {}), None),
    ("natural training in the first epochs of M+", epochs({"one_step": 0.3, "many_steps": 0.01}), None),
    ("one step survived, several not", epochs({}, {}, FELL), Trouble.CATASTROPHIC),
    ("half of the robustness lost", epochs({}, {}, {"one_step": 0.4, "many_steps": 0.15}), Trouble.CATASTROPHIC),
    ("never robust", epochs(*[{"one_step": 0.4, "many_steps": 0.02}] * 3), Trouble.CATASTROPHIC),
    ("robustness lost together with the rest", epochs({}, {}, {"one_step": 0.1, "many_steps": 0.1}), None),
    ("one class", epochs({}, {"top": 1.0, "clean": 0.1, "one_step": 0.1, "many_steps": 0.1}), Trouble.COLLAPSE),
    ("one class at first", epochs({"top": 1.0, "clean": 0.1, "one_step": 0.1, "many_steps": 0.1}), None),
    ("chance", epochs(*[{"clean": 0.12, "one_step": 0.1, "many_steps": 0.1}] * 5), Trouble.STUCK),
    ("chance for a while", epochs(*[{"clean": 0.12, "one_step": 0.1, "many_steps": 0.1}] * 4), None),
    ("not finite", epochs({}, {"loss": math.nan}), Trouble.NOT_FINITE),
    (
        "robust on training images only",
        epochs({"robust": 0.3, "adv": 0.3}, {"robust": 0.28, "adv": 0.5}, {"robust": 0.2, "adv": 0.6}),
        Trouble.ROBUST,
    ),
    ("less robust on all images", epochs({"robust": 0.3, "adv": 0.3}, {"robust": 0.2, "adv": 0.3}), None),
]


@pytest.mark.parametrize(("records", "trouble"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_diagnosis(records, trouble):
    assert diagnose(records, classes=10) is trouble


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


@pytest.mark.parametrize("threat", [Linf(0.1), L2(0.1 * 4)], ids=str)
def test_a_network_that_masks_its_gradient_is_seen(threat):
    x, y = torch.full((40, 1, 4, 4), 0.5), torch.zeros(40, dtype=torch.int64)
    seen = look(Masked(0.1), x, y, threat)
    assert seen.clean == seen.one_step == 1
    assert seen.many_steps < 0.5
    assert seen.linearity < 0.5
    assert seen.top == 1
    assert seen.n == 40


def test_a_linear_network_is_as_linear_as_can_be():
    x, y = torch.rand(20, 3, 4, 4), torch.randint(0, 2, (20,))
    seen = look(nn.Sequential(nn.Flatten(), nn.Linear(48, 2)), x, y, Linf(0.1))
    assert seen.linearity == pytest.approx(1, abs=1e-5)
    assert seen.one_step <= seen.many_steps  # one full step is the worst there is


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


# --- what follows ----------------------------------------------------------------------------------------------------


def failing(out, on_trouble, **changes):
    """FGSM from the clean image at a large radius: on these digits it overfits catastrophically in epoch 5 or so."""
    settings = {"epochs": 8, "batch": 64, "lr": 0.1, "rate": "constant", "on_trouble": on_trouble} | changes
    return start("fgsm", {"eps": 0.4}, Run(out=str(out), **settings))


def states_of(folder):
    return [json.loads(line) for line in (Path(folder) / record.EPOCHS).read_text().splitlines()]
