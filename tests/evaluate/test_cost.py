"""What networks cost: counted by hand, known from papers, and the same in every way of asking."""

import time

import pytest
import torch
import torchvision
from torch import nn

from robustdial.dial import Dials, IdentityFiLM, dial
from robustdial.evaluate import Cost, cost, latencies
from robustdial.evaluate.latency import WARM_UP
from robustdial.models import build


@pytest.mark.parametrize(
    ("layer", "shape", "expected"),
    [
        (nn.Linear(48, 10), (3, 4, 4), Cost(490, 480)),
        (nn.Conv2d(3, 8, 3), (3, 6, 6), Cost(224, 8 * 3 * 9 * 16)),
        (nn.Conv2d(3, 8, 3, stride=2, padding=1, bias=False), (3, 6, 6), Cost(216, 8 * 3 * 9 * 9)),
        (nn.Conv2d(4, 8, 3, padding=1, groups=2), (4, 6, 6), Cost(152, 8 * 2 * 9 * 36)),
        (nn.BatchNorm2d(3), (3, 6, 6), Cost(6, 0)),
        (nn.Conv2d(3, 8, 3).double(), (3, 6, 6), Cost(224, 8 * 3 * 9 * 16)),
        (
            nn.TransformerEncoderLayer(16, 2, 32, batch_first=True),
            (10, 16),
            Cost(2224, 10 * (4 * 16 * 16 + 2 * 16 * 32) + 2 * 10 * 10 * 16),
        ),
    ],
    ids=["linear", "conv", "stride", "groups", "norm", "double", "attention"],
)
def test_cost_is_what_a_pencil_gives(layer, shape, expected):
    net = nn.Sequential(nn.Flatten(), layer) if isinstance(layer, nn.Linear) else layer
    assert cost(net.eval(), shape) == expected


def test_cost_of_resnet18_is_the_published_one():
    with torch.device("meta"):
        large = torchvision.models.resnet18()
    assert cost(large.eval(), (3, 224, 224)) == Cost(11_689_512, 1_814_073_344)
    small = build("resnet18", classes=10, shape=(3, 32, 32), mean=[0.5] * 3, std=[0.5] * 3).to("meta").eval()
    assert cost(small, (3, 32, 32)) == Cost(11_173_962, 555_422_720)


def test_a_baked_network_costs_what_the_plain_one_costs_and_the_dial_adds_its_film():
    plain = nn.Sequential(nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(288, 10)).eval()
    model = dial(plain, Dials(conditioner=IdentityFiLM(hidden=5))).eval()
    code, hidden, channels = model.codes.shape[1], 5, 8
    before, dialed = cost(plain, (1, 8, 8)), cost(model.at(0.3), (1, 8, 8))
    assert {cost(model.bake(lam), (1, 8, 8)) for lam in (0.0, 0.3, 1.0)} == {before}
    assert dialed.macs - before.macs == code * hidden + hidden * 2 * channels
    film = (code + 1) * hidden + (hidden + 1) * 2 * channels
    assert dialed.parameters - before.parameters == film + 2 * channels  # and the clean batch norm


class Sleeper(nn.Module):
    """Takes its time."""

    def __init__(self, seconds):
        super().__init__()
        self.seconds, self.calls = seconds, 0

    def forward(self, x):
        assert torch.is_inference_mode_enabled()
        self.calls += 1
        time.sleep(self.seconds)
        return x


def test_networks_are_timed_by_turns_after_a_warm_up():
    quick, slow = Sleeper(0.001), Sleeper(0.01)
    fast, late = latencies([quick, slow], torch.zeros(1), rounds=7)
    assert quick.calls == slow.calls == 7 + WARM_UP
    assert 0.001 <= fast.low <= fast.median <= fast.high
    assert late.low >= 0.01


@pytest.mark.parametrize(
    "ask", [lambda net: cost(net, (3, 4, 4)), lambda net: latencies([net], torch.zeros(2, 3, 4, 4), rounds=1)]
)
def test_asking_leaves_the_network_as_it_was(ask):
    net = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Dropout(), nn.Flatten(), nn.Linear(64, 5)).train()
    net[1].eval()
    before, modes = {k: v.clone() for k, v in net.state_dict().items()}, [layer.training for layer in net.modules()]
    drawn = torch.get_rng_state()
    ask(net)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert [layer.training for layer in net.modules()] == modes and torch.equal(torch.get_rng_state(), drawn)


@pytest.mark.filterwarnings("ignore:.torch.jit:FutureWarning")
def test_programs_are_asked_as_they_are():
    net, x = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)).eval(), torch.rand(2, 3, 4, 4)
    frozen, exported = torch.jit.freeze(torch.jit.trace(net, x)), torch.export.export(net, (x,)).module()
    assert len(latencies([net, frozen, exported], x, rounds=1)) == 3
    assert cost(frozen, (3, 4, 4)).macs == cost(net, (3, 4, 4)).macs
