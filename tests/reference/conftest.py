"""What the comparisons with recorded numbers share: the network they were recorded on, and how it is driven."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch
from torch import nn

from robustdial.method.threat import Linf
from robustdial.models import Normalize

sys.path.append(str(Path(__file__).parent))  # for `twin`, what the loops written line by line share

MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2471, 0.2435, 0.2616)


class TinyNet(nn.Module):
    """The network of the recorded runs; their normalisation, where they have one, comes before it."""

    def __init__(self, c1, c2):
        super().__init__()
        self.conv1 = nn.Conv2d(3, c1, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(c1)
        self.conv2 = nn.Conv2d(c1, c2, 3, 2, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(c2)
        self.fc = nn.Linear(c2, 10)

    def forward(self, x):
        x = self.bn2(self.conv2(self.bn1(self.conv1(x)).relu())).relu()
        return self.fc(x.mean((2, 3)))


@pytest.fixture(scope="session")
def tiny():
    """`tiny(weights)` is a TinyNet with these weights, behind its normalisation unless told otherwise."""

    def build(weights, normalised=True):
        net = TinyNet(len(weights["conv1.weight"]), len(weights["conv2.weight"]))
        net.to(weights["fc.weight"].dtype).load_state_dict(weights)
        return nn.Sequential(Normalize(MEAN, STD) if normalised else nn.Identity(), net).train()

    return build


@dataclass(frozen=True)
class Recorded:
    """A threat whose random start is a recorded one, handed out as it is; it notes where each step leads."""

    ball: Linf
    start: torch.Tensor
    ascents: list[torch.Tensor] = field(default_factory=list)

    radius = property(lambda self: self.ball.radius)
    moved = property(lambda self: [len(to) for to in self.ascents])

    def noise(self, x, reach, amount):
        return amount * self.start

    def ascend(self, z, gradient, size):
        to = self.ball.ascend(z, gradient, size)
        self.ascents.append(to.clone())
        return to

    def project(self, z, x, reach):
        return self.ball.project(z, x, reach)

    def apply(self, x, z):
        return self.ball.apply(x, z)


@pytest.fixture(scope="session")
def recorded():
    """A threat with a recorded start: `recorded(Linf(eps), start)`."""
    return Recorded


class Driven(torch.optim.SGD):
    """SGD whose learning rate and momentum of every step are recorded ones; it keeps the gradients it stepped on."""

    def __init__(self, model: nn.Module, lr: Sequence[float], momentum: Sequence[float], weight_decay: float = 5e-4):
        super().__init__(model.parameters(), lr=0.0, momentum=0.9, weight_decay=weight_decay)
        self.names, self.plan = [name for name, _ in model.named_parameters()], list(zip(lr, momentum, strict=True))
        self.gradients: list[dict[str, torch.Tensor]] = []

    def step(self, closure=None):
        (group,) = self.param_groups
        group["lr"], group["momentum"] = map(float, self.plan[len(self.gradients)])
        taken = zip(self.names, group["params"], strict=True)
        self.gradients.append({name: weight.grad.clone() for name, weight in taken})
        return super().step(closure)

    @property
    def velocity(self):
        """The momentum buffers, by name."""
        weights = self.param_groups[0]["params"]
        return {name: self.state[w]["momentum_buffer"] for name, w in zip(self.names, weights, strict=True)}


@pytest.fixture(scope="session")
def driven():
    """SGD at recorded rates: `driven(model, lr, momentum)`."""
    return Driven


class Watched:
    """An objective that keeps what its weights learned from: the views, and the losses there."""

    def __init__(self, objective):
        self.objective, self.views, self.losses = objective, [], []

    def look(self, view):
        self.objective.look(view)

    def attack(self, view):
        return self.objective.attack(view)

    def learn(self, view):
        loss = self.objective.learn(view)
        self.views.append(view)
        self.losses.append(loss.detach())
        return loss


@pytest.fixture(scope="session")
def watched():
    """An objective that is looked at: `watched(AT())` has `views` and `losses`."""
    return Watched
