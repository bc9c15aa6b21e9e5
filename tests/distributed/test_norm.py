"""Synchronised batch norms do what batch norms do, to the second derivative, and take a process without rows."""

import copy

import pytest
import torch
from torch import nn

from robustdial.distributed import Alone, Shard, drawn, meets, sharded, synchronised

KINDS = [(nn.BatchNorm1d, (6, 3)), (nn.BatchNorm2d, (6, 3, 4, 4)), (nn.BatchNorm3d, (2, 3, 2, 4, 4))]


class Sum(Alone):
    """A world of one, whose sums are made."""

    def sum(self, values):
        return values.detach().clone()


def pair(norm):
    other = copy.deepcopy(norm)
    synchronised(other, Sum())
    return norm, other


@pytest.mark.parametrize(("kind", "shape"), KINDS)
@pytest.mark.parametrize("settings", [{}, {"momentum": None}, {"affine": False}, {"track_running_stats": False}])
def test_values_derivatives_and_statistics_are_those_of_the_plain_norm(kind, shape, settings):
    ends = []
    for norm in pair(kind(3, **settings).double()):
        torch.manual_seed(0)
        x = (torch.randn(shape, dtype=torch.float64) + 5).requires_grad_()
        for _ in range(2):
            out = norm(x)
        (slope,) = torch.autograd.grad(out.sin().sum(), x, create_graph=True)
        (bend,) = torch.autograd.grad(slope.square().sum(), x)
        ends.append([out, slope, bend, *norm.buffers()])
    for ours, theirs in zip(*ends, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_without_rows_it_gives_none_and_keeps_its_statistics():
    _, norm = pair(nn.BatchNorm2d(3))
    before = [b.clone() for b in norm.buffers()]
    x = torch.empty(0, 3, 4, 4, requires_grad=True)
    norm(x).sum().backward()
    assert x.grad.shape == x.shape
    assert all(torch.equal(a, b) for a, b in zip(before, norm.buffers(), strict=True))


def test_in_evaluation_it_is_the_plain_norm():
    plain, norm = (n.eval() for n in pair(nn.BatchNorm2d(3)))
    x = torch.rand(2, 3, 4, 4)
    assert torch.equal(plain(x), norm(x))
    assert meets(norm)
    assert not meets(plain)


def test_the_layers_of_timm_keep_their_activation():
    timm = pytest.importorskip("timm.layers")
    plain, norm = pair(timm.BatchNormAct2d(3))
    x = torch.randn(4, 3, 2, 2)
    torch.testing.assert_close(norm(x), plain(x))


@pytest.mark.parametrize("first", range(8))
def test_what_is_left_of_a_shard_is_dealt_out_as_the_whole_was(first):
    rows = list(range(11))
    for start in range(3):
        shard = Shard(11, start, 3)
        assert rows[first:][shard.after(first).own] == [row for row in rows[shard.own] if row >= first]
        assert shard.before(first) == len([row for row in rows[shard.own] if row < first])


def test_the_numbers_of_a_row_are_the_same_however_the_batch_is_dealt_out():
    x, state = torch.zeros(7, 2), torch.get_rng_state()
    whole, after = drawn(torch.randn_like, x), torch.get_rng_state()
    for start in range(3):
        torch.set_rng_state(state)
        shard = Shard(7, start, 3)
        with sharded(shard):
            mine = drawn(torch.randn_like, x[shard.own])
        assert torch.equal(mine, whole[shard.own])
        assert torch.equal(after, torch.get_rng_state())
