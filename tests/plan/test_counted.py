"""What is counted of an update, against what can be counted by hand."""

import pytest
import torch
from torch import nn

from robustdial.plan.counted import Calls, calls_of, counted

B = 7


@pytest.fixture
def net():
    return nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2))  # 15 and 10 multiply-adds


def test_a_pass_that_learns_costs_three_forwards_but_for_the_gradient_of_the_images(net):
    with counted(net) as tally:
        net(torch.rand(B, 3)).sum().backward()
    assert tally.macs == B * (3 * (15 + 10) - 15)


def test_a_pass_of_an_adversary_costs_two_forwards(net):
    x = torch.rand(B, 3, requires_grad=True)
    with counted(net) as tally:
        torch.autograd.grad(net.requires_grad_(False)(x.clone()).sum(), x)
    assert tally.macs == B * 2 * (15 + 10)


def test_what_is_kept_is_each_layers_input_once_and_no_weight(net):
    with counted(net) as tally:
        net(torch.rand(B, 3)).sum().backward()
    assert tally.kept == tally.peak == 4 * B * (3 + 5)  # what ReLU gives serves two layers


def test_what_a_backward_has_used_is_kept_no_longer(net):
    with counted(net) as tally:
        for _ in range(3):
            net(torch.rand(B, 3)).sum().backward()
    assert (tally.kept, tally.peak) == (3 * 4 * B * 8, 4 * B * 8)


def test_two_forwards_before_a_backward_are_kept_together(net):
    with counted(net) as tally:
        (net(torch.rand(B, 3)).sum() + net(torch.rand(B, 3)).sum()).backward()
    assert tally.peak == 2 * 4 * B * 8


def test_updates_are_counted_inside_alone(net):
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    with counted(net) as tally:
        optimizer.step()
        optimizer.step()
    optimizer.step()
    assert tally.updates == 2


def block():
    return nn.Sequential(nn.Linear(5, 5), nn.ReLU(), nn.Linear(5, 5), nn.ReLU(), nn.Linear(5, 5))


@pytest.mark.parametrize("known", [False, True], ids=["its input is new", "its input is kept already"])
def test_what_a_block_adds_to_its_input_and_what_is_kept_when_it_returns(known):
    first, second = blocks = block(), block()
    x, unit = torch.rand(B, 5), 4 * B * 5
    with counted(nn.Sequential(*blocks)) as tally, calls_of(blocks, tally) as calls:
        other = nn.Linear(5, 5)(x) if known else x
        (second(first(x)) + other).sum().backward()
        with torch.no_grad():
            second(first(x))
    assert calls[first] == Calls(inside=2 * unit, after=3 * unit)  # two of ReLU, and the input
    assert calls[second] == Calls(inside=2 * unit, after=6 * unit)
    assert tally.now == 0


def test_calls_from_which_no_weight_learns_do_not_count():
    still = block().requires_grad_(False)
    with counted(still) as tally, calls_of([still], tally) as calls:
        still(torch.rand(B, 5, requires_grad=True)).sum().backward()
    assert tally.kept > 0
    assert calls[still] == Calls()
