"""Whole runs whose replays grow, written line by line from DEAT, against the composition."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from twin import EPS, STEP, batches, inside, network, same, sgd, uniform

from robustdial.data import epoch_order, from_tensors
from robustdial.method import Method
from robustdial.method.objective import AT
from robustdial.method.schedule import Delayed, Magnitude, Threshold
from robustdial.method.solver import Replay, Step
from robustdial.method.threat import Linf
from robustdial.training.engine import TrainState, fit
from robustdial.training.rate import constant

pytestmark = pytest.mark.rounding


class Exact(nn.Module):
    """A network in double precision on images in single precision: rounding decides the sign of no gradient."""

    def __init__(self):
        super().__init__()
        self.net = network().double()

    def forward(self, x):
        return self.net(x.double())


def deat_d(every, most):
    """DEAT-d: a replay more every few epochs."""
    return lambda epoch, r, accuracy, magnitude: min(1 + (epoch + 1) // every, most)


def deat_p(threshold, most):
    """DEAT-p: a replay more after an epoch with enough robust training accuracy."""
    return lambda epoch, r, accuracy, magnitude: min(r + 1, most) if accuracy > threshold else r


def m_deat(gamma, most):
    """M+DEAT: a replay more after the first epoch, and whenever the gradient outgrows its bar."""
    bar = None

    def rule(epoch, r, accuracy, magnitude):
        nonlocal bar
        if epoch == 0:
            return r + 1
        if epoch == 1 or (magnitude > bar and r < most):
            bar = gamma * magnitude
            return r + (epoch > 1)
        return r

    return rule


def deat(model, data, rule, epochs, batch):
    """Wang et al. 2021, algorithm 1: r replays of each batch from a fresh uniform start; the rule sets r."""
    optimizer, r, replays = sgd(model), 1, []
    for epoch in range(epochs):
        replays.append(r)
        right, magnitude, seen = 0, 0.0, 0
        for x, y in data.train.batches(epoch_order(len(data.train), batch, 0, epoch)):
            delta = uniform(x)
            for _ in range(r):
                delta.requires_grad_()
                optimizer.zero_grad()
                logits = model(x + delta)
                F.cross_entropy(logits, y).backward()
                gradient = delta.grad
                delta = inside(delta.detach() + STEP * gradient.sign(), x)
                optimizer.step()
            right += int((logits.argmax(1) == y).sum())
            magnitude += float(gradient.abs().sum()) * len(x)
            seen += len(x)
        r = rule(epoch, r, right / seen, magnitude / seen)
    return replays


@pytest.mark.parametrize(
    ("rule", "schedule"),
    [
        (deat_d(2, 3), Delayed(2, 3)),
        (deat_p(0.35, 4), Threshold(0.35, 4)),
        (m_deat(1.01, 4), Magnitude(1.01, 4)),
    ],
    ids=["deat-d", "deat-p", "m+deat"],
)
def test_replays_that_grow(rule, schedule):
    (x, y), (x_test, y_test) = batches(2, 60)
    data = from_tensors((x, y), (x_test, y_test))
    published, composed = Exact().train(), Exact()
    torch.manual_seed(11)
    replays = deat(published, data, rule, epochs=8, batch=16)
    torch.manual_seed(11)
    state = TrainState.new(composed, lr=0.1, rate=constant)
    method = Method(Linf(EPS), Replay(Step(STEP)), schedule, AT())
    passes = [epoch["passes"] for epoch in fit(state, data, method, epochs=8, batch=16)]
    assert passes == replays
    assert len(set(passes)) > 2
    assert same(composed.state_dict(), published.state_dict())
