"""What the published loops share that are written line by line beside the compositions, and how they are compared.

Where the arithmetic is the same, so is every bit. Where sums are taken in another order, the two are compared in double
precision, in which no gradient is so near to zero that its sign could turn.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from robustdial.data import Batch
from robustdial.method import Method
from robustdial.method.learner import Learner, Plain
from robustdial.method.objective import AT
from robustdial.method.schedule import Constant
from robustdial.method.threat import Linf
from robustdial.training.batch import train_batch

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


def batches(number=3, images=10):
    generator = torch.Generator().manual_seed(7)
    return [
        (torch.rand(images, 1, 8, 8, generator=generator), torch.randint(0, 4, (images,), generator=generator))
        for _ in range(number)
    ]


def sgd(model):
    return torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4)


def same(a, b):
    return all(torch.equal(a[name], b[name]) for name in a)


@dataclass(frozen=True)
class Twin:
    """A published loop, `loop(model, optimizer, batches)`, and what composition it is."""

    loop: Callable[..., None]
    solver: Any
    passes: int
    objective: Any = field(default_factory=AT)
    learner: Learner = field(default_factory=Plain)
    exact: bool = True
    teacher: Callable[[torch.Tensor], torch.Tensor] | None = None


def inside(delta, x):
    return torch.clamp(torch.clamp(delta, -EPS, EPS), -x, 1 - x)


def uniform(x):
    return torch.clamp(torch.empty_like(x).uniform_(-1, 1) * EPS, -x, 1 - x)


def crossed(model, x, y):
    """What an adversary raises: the cross-entropy of a perturbation, summed over the images."""
    return lambda delta: F.cross_entropy(model(x + delta), y, reduction="sum")


def slope(loss, delta):
    """Gradient of `loss(delta)`."""
    delta = delta.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(loss(delta), delta)
    return gradient


def ascent(loss, delta, x, step=STEP, steps=STEPS):
    for _ in range(steps):
        delta = inside(delta + step * slope(loss, delta).sign(), x)
    return delta


def update(optimizer, loss):
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


class Quiet(Linf):
    """The ball; the start at the clean image draws no random numbers."""

    def noise(self, x, reach, amount):
        return super().noise(x, reach, amount) if amount else torch.zeros_like(x)


def compare(twin, weights=lambda model: model.state_dict()):
    """Train the loop and its composition from the same start, and compare `weights(model)`."""
    kind = torch.float32 if twin.exact else torch.float64
    data = [(x.to(kind), y) for x, y in batches()]
    published, composed = network().to(kind).train(), network().to(kind).train()
    torch.manual_seed(11)
    twin.loop(published, sgd(published), data)
    method = Method(Quiet(EPS), twin.solver, Constant(twin.passes), twin.objective)
    optimizer, memories = sgd(composed), []
    torch.manual_seed(11)
    for x, y in data:
        train_batch(
            composed, Batch(x, y), method, twin.passes, optimizer, memories, learner=twin.learner, teacher=twin.teacher
        )
    ours, theirs = weights(composed), weights(published)
    if twin.exact:
        assert same(ours, theirs)
    torch.testing.assert_close(ours, theirs, atol=1e-9, rtol=0)
    assert not same(ours, weights(network().to(kind)))
