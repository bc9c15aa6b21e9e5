"""A network from elsewhere is attacked in a quick form, where that is the same network."""

import pytest
import torch
from torch import nn

from robustdial.data import load
from robustdial.method.threat import Linf
from robustdial.study.evaluation import foreign


def folds():
    return nn.Sequential(nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(288, 10))


def looks_at_its_convolution():
    """What a hook hands on is not what the folded convolution gives."""
    net = folds()
    seen = {}
    net[0].register_forward_hook(lambda layer, x, out: seen.update(scale=out.mean()))
    net.register_forward_hook(lambda layer, x, out: out * seen["scale"])
    return net


def in_double_precision():
    class Double(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = folds().double()

        def forward(self, x):
            return self.net(x.double())

    return Double()


def not_to_be_copied():
    class Single(nn.Sequential):
        def __deepcopy__(self, memo):
            raise RuntimeError("there is but one of me")

    return Single(*folds())


def without_gradient():
    class Cut(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = folds()

        def forward(self, x):
            return self.net(x.round().detach())

    return Cut()


def subject_of(net, tmp_path):
    data = load("digits")
    torch.manual_seed(0)
    for _ in range(3):  # statistics that differ from those a fresh norm has
        net.train()(torch.rand(32, 1, 8, 8))
    return foreign(net, "net", data, data.test.subset(torch.arange(20)), Linf(0.1), tmp_path)


def test_norms_are_folded_in_a_copy(tmp_path):
    net = folds()
    subject = subject_of(net, tmp_path)
    x = torch.rand(5, 1, 8, 8)
    assert isinstance(net[1], nn.BatchNorm2d)
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in subject.f.modules())
    torch.testing.assert_close(subject.f(x), net(x))


@pytest.mark.parametrize("build", [looks_at_its_convolution, in_double_precision, not_to_be_copied, without_gradient])
def test_a_network_that_is_another_in_that_form_is_attacked_itself(build, tmp_path):
    net = build()
    assert subject_of(net, tmp_path).f is net
