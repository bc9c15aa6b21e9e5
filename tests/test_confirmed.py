"""A network that is searched in bfloat16 answers as float32 does."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from robustdial.models import build
from robustdial.precision import Confirmed, Prepared


@pytest.fixture(scope="module")
def exact():
    torch.manual_seed(0)
    net = build("cnn", classes=10, shape=(3, 16, 16), mean=[0.5] * 3, std=[0.5] * 3, width=8)
    return Prepared(net.eval().requires_grad_(False), "float32")


@pytest.fixture(scope="module")
def x():
    return torch.rand(64, 3, 16, 16, generator=torch.Generator().manual_seed(1))


def gap(logits):
    first, second = logits.topk(2).values.unbind(1)
    return first - second


def test_where_the_largest_logits_are_near_they_are_those_of_float32(exact, x):
    f = Confirmed(exact, x[:16])
    quick, right = f.quick(x), exact(x)
    f.near = float(gap(quick).median())
    found, near = f(x), gap(quick) <= f.near
    torch.testing.assert_close(found[near], right[near], rtol=0, atol=1e-5)
    assert (quick[near] - right[near]).abs().max() > 1e-4
    assert torch.equal(found[~near], quick[~near])


def test_the_errors_on_other_images_are_within_what_was_measured(exact, x):
    f = Confirmed(exact, x[:16])
    error = f.quick(x) - exact(x)
    assert 0 < (error.amax(1) - error.amin(1)).max() < f.near


def test_the_gradient_is_that_of_bfloat16(exact, x):
    f, gradients = Confirmed(exact, x[:16]), []
    f.near = torch.inf  # every row is asked again
    for asked in (f, f.quick):
        images = x.clone().requires_grad_()
        ahead = F.one_hot(torch.full((len(x),), 3), 10).float()
        gradients.append(torch.autograd.grad((asked(images) * ahead).sum(), images)[0])
    assert torch.equal(*gradients)


def test_a_network_may_write_into_its_images():
    class Writes(nn.Module):
        def forward(self, x):
            return F.pad(x.mul_(0.5).mean((2, 3)), (0, 1))

    x = torch.rand(8, 1, 4, 4)
    kept = x.clone()
    f = Confirmed(Writes().eval(), x)
    f.near = 9.0  # every row is asked again
    assert torch.allclose(f(x.clone()), F.pad(kept.mean((2, 3)) / 2, (0, 1))) and torch.equal(x, kept)
