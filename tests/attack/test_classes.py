"""Sets of two to 21,841 classes: as many targets as there can be, and a step that learns from mixed labels."""

import pytest
import torch
from torch import nn

from robustdial.attack import FAB, APGDTargeted, Square, autoattack
from robustdial.attack.apgd import APGD
from robustdial.attack.cascade import Cascade
from robustdial.attack.problem import top_wrong_classes
from robustdial.data import Batch, Mixing
from robustdial.method import Method
from robustdial.method.objective import TRADES, Smoothed
from robustdial.method.schedule import Constant
from robustdial.method.solver import PGD, Step
from robustdial.method.threat import Linf
from robustdial.training import train_batch

CLASSES = [2, 3, 4, 5, 10, 1000, 21841]


def network(classes):
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(16, classes))


@pytest.mark.parametrize("classes", CLASSES)
def test_autoattack_takes_nine_targets_or_as_many_as_there_are(classes):
    net, x = network(classes).eval(), torch.rand(6, 1, 4, 4)
    with torch.no_grad():
        logits = net(x)
    y = logits.argmax(1)
    targets = top_wrong_classes(logits, y, 9)
    assert targets.shape == (6, min(9, classes - 1))
    assert not (targets == y[:, None]).any()
    assert all(len(set(row)) == len(row) for row in targets.tolist())
    quick = (APGD(steps=3), APGDTargeted(steps=3), FAB(steps=3), Square(queries=3))
    adv = Cascade(quick, autoattack().name)(net, x, y, Linf(1e-4))  # all stand, and every attack is tried
    assert (adv - x).abs().max() <= 1.1e-4


@pytest.mark.parametrize("classes", CLASSES)
def test_a_step_with_mixed_and_smoothed_labels(classes):
    net = network(classes)
    batch = Mixing(1.0, 1.0)(Batch(torch.rand(6, 1, 4, 4), torch.arange(6) % classes), classes)
    method = Method(Linf(0.1), PGD(Step(0.1)), Constant(2), Smoothed(TRADES(), 0.1))
    sums = train_batch(net, batch, method, 2, torch.optim.SGD(net.parameters(), lr=0.1), [])
    assert torch.isfinite(sums["loss"])
