"""A network from elsewhere is attacked in a quick form, where that is the same network."""

import pytest
import torch
from torch import nn

from robustdial.attack import PGDAttack
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
    torch.manual_seed(0)
    for _ in range(3):  # statistics that differ from those a fresh norm has
        net.train()(torch.rand(32, 1, 8, 8))
    return foreign_on_digits(net, tmp_path)


def foreign_on_digits(net, tmp_path):
    data = load("digits")
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


def exported(net):
    batch = torch.export.Dim("batch")
    return torch.export.export(net, (torch.rand(2, 1, 8, 8),), dynamic_shapes=({0: batch},)).module()


@pytest.mark.filterwarnings("ignore:`torch.jit:FutureWarning")
@pytest.mark.parametrize(
    "program",
    [torch.jit.script, lambda net: torch.jit.trace(net, torch.rand(2, 1, 8, 8)), exported],
    ids=["scripted", "traced", "exported"],
)
def test_a_program_is_attacked_as_the_network_that_it_was_made_of(program, tmp_path):
    net = folds().eval()
    f = subject_of(net, tmp_path).f
    found = foreign_on_digits(program(net.eval()), tmp_path).f
    x, y = torch.rand(4, 1, 8, 8), torch.arange(4)
    adversaries = []
    for network in (f, found):
        torch.manual_seed(0)
        adversaries.append(PGDAttack(1)(network, x, y, Linf(0.1)))
    torch.testing.assert_close(*adversaries, atol=1e-3, rtol=0)
    torch.testing.assert_close(found(x), net(x))


CLAMPS = {
    "clamp": lambda x: x.clamp(0, 1),
    "clip at 0": lambda x: x.clip(min=0),
    "in place": lambda x: x.clamp_(0, 1),
    "hardtanh": lambda x: nn.functional.hardtanh(x, 0.0, 1.0),
}


@pytest.mark.parametrize("clamp", CLAMPS.values(), ids=CLAMPS)
def test_a_network_that_clamps_its_images_has_a_gradient_at_the_bounds(clamp, tmp_path):
    net = folds()
    plain = subject_of(net, tmp_path)
    net.register_forward_pre_hook(lambda layer, given: (clamp(given[0]),))
    subject = foreign_on_digits(net, tmp_path)
    x = torch.rand(4, 1, 8, 8).round().requires_grad_()
    wanted, found = (torch.autograd.grad(f(x * 1)[:, 0].sum(), x)[0] for f in (plain.f, subject.f))
    torch.testing.assert_close(found, wanted, atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(subject.f(x * 1), plain.f(x * 1), atol=1e-4, rtol=0)
    bound = torch.zeros(1, requires_grad=True)
    cuts = torch.autograd.grad(clamp(bound * 1).sum(), bound)[0] == 0  # that of torch.clamp, in newer versions of torch
    assert [any("clamps" in note for note in one.notes) for one in (subject, plain)] == [cuts, False]
