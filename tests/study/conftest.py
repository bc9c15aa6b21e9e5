"""A run as measuring sees it, with two lambdas, two widths, and networks small enough to count by hand."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from robustdial.data import from_tensors
from robustdial.dial import Dials
from robustdial.method.threat import Linf

DIAL, N = Dials((0.0, 1.0), (0.5, 1.0)), 40


class Net(nn.Module):
    """Two classes by the sum of the pixels; narrow networks see half of them."""

    def __init__(self, width):
        super().__init__()
        self.fc = nn.Linear(int(4 * width), 2)
        with torch.no_grad():
            self.fc.weight.copy_(torch.tensor([[1.0], [-1.0]]).expand_as(self.fc.weight))
            self.fc.bias.copy_(torch.tensor([-1.0, 1.0]) * self.fc.in_features / 2)

    def forward(self, x):
        return self.fc(x.flatten(1)[:, : self.fc.in_features])


class Run:
    """As much of an experiment as measuring asks for; it counts how often a network is asked for."""

    def __init__(self, folder, scale=1.0):
        self.folder, self.checkpoint, self.device = folder, "best", torch.device("cpu")
        self.nets = {width: Net(width).eval() for width in DIAL.widths}
        self.method = SimpleNamespace(dial=DIAL, threat=Linf(0.1))
        self.state = SimpleNamespace(served=nn.ParameterList([nn.Parameter(torch.tensor(scale))]))
        x = torch.rand(N, 1, 2, 2, generator=torch.Generator().manual_seed(0))
        y = (x.flatten(1).sum(1) < 2).long()
        self.data = from_tensors((x, y), (x, y))
        self.about = {"model": {"name": "cnn"}}
        self.asked = []

    def at(self, lam, width=1.0):
        if width not in DIAL.widths:
            raise ValueError(f"width={width} is not on this dial")
        self.asked.append((lam, width))
        return self.nets[width]

    def baked(self, lam, width=1.0):
        return self.nets[width]


@pytest.fixture
def make_run():
    """`make_run(folder, scale)` is a run with weights of this scale."""
    return Run


@pytest.fixture
def run(tmp_path):
    return Run(tmp_path)
