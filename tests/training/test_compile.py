"""One switch compiles the wrapper; turning the dial then recompiles nothing."""

from inspect import signature

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from robustdial.dial import Dials, dial
from robustdial.models import build
from robustdial.precision import Prepared, graphs_allowed, resolve


def dialed():
    return dial(build("cnn", classes=10, shape=(1, 8, 8), mean=[0.5], std=[0.5], width=4))


def test_turning_the_dial_recompiles_nothing():
    model, graphs = dialed().eval(), []

    def backend(graph, inputs):
        graphs.append(graph)
        return graph.forward

    torch.compiler.reset()
    call = torch.compile(model, backend=backend)
    x = torch.rand(3, 1, 8, 8)
    for lam in (0.0, 0.1, 0.25, 0.4, 1.0):
        setting = model.setting(lam)
        torch.testing.assert_close(call(x, setting), model(x, setting))
    assert len(graphs) == 1


def test_a_training_step_needs_a_graph_for_each_role_only():
    model, graphs = dialed().train(), []

    def backend(graph, inputs):
        graphs.append(graph)
        return graph.forward

    torch.compiler.reset()
    call = torch.compile(model, backend=backend)
    x = torch.rand(8, 1, 8, 8)
    for _ in range(4):
        (setting,) = model.settings(model.dials.sampling.rows(8, model.dials.lambdas))
        call(x, setting)
        call(x[setting.first :], setting.part(slice(setting.first, None)))
    assert len(graphs) == 2


@pytest.mark.skipif(
    "recompile_limit" not in signature(torch.compile).parameters, reason="torch.compile counts to 8 here"
)
def test_three_widths_in_three_roles_need_nine_graphs():
    plain = nn.Sequential(nn.Conv2d(1, 4, 8), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 2))
    x = torch.rand(8, 1, 8, 8)
    model, graphs = dial(plain, Dials(widths=(0.5, 0.75, 1.0)), example=x), []

    def backend(graph, inputs):
        graphs.append(graph)
        return graph.forward

    torch.compiler.reset()
    call = torch.compile(model, backend=backend, **graphs_allowed(model))
    for _ in range(3):
        for setting in model.settings(model.dials.sampling.rows(8, model.dials.lambdas)):
            victims = setting.part(slice(setting.first, None))
            call.train()(x, setting)
            call(x[setting.first :], victims)
            call.eval()(x[setting.first :], victims)
    assert len(graphs) == 9


def test_a_baked_network_can_be_exported():
    model = dialed().eval()
    x = torch.rand(2, 1, 8, 8)
    program = torch.export.export(model.bake(0.3), (x,))
    torch.testing.assert_close(program.module()(x), model.at(0.3)(x), atol=1e-5, rtol=0)


def test_a_baked_network_does_the_work_of_the_plain_one():
    net, x = build("cnn", classes=10, shape=(1, 8, 8), mean=[0.5], std=[0.5], width=4).eval(), torch.rand(2, 1, 8, 8)
    counts = []
    for f in (net, dial(net).eval().bake(0.2)):
        with FlopCounterMode(display=False) as counter:
            f(x)
        counts.append(counter.get_total_flops())
    assert counts[0] == counts[1] > 0


@pytest.mark.parametrize("name", ["resnet18", "preact_resnet18", "wrn40_2"])
def test_narrow_networks_survive_their_layout(name):
    """In channels last, the backward of their shortcuts damages the heap on the CPU (torch 2.15)."""
    model = build(name, classes=10, shape=(3, 16, 16), mean=[0.5] * 3, std=[0.5] * 3, width=4).train()
    prepared = Prepared(model, "float32")
    for _ in range(3):
        prepared(torch.rand(8, 3, 16, 16)).sum().backward()
    assert all(torch.isfinite(weight.grad).all() for weight in model.parameters())


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_prepared_logits_are_single_precision_and_close(precision):
    model = dialed().eval()
    x, setting = torch.rand(4, 1, 8, 8), model.setting(0.2)
    logits = Prepared(model, precision)(x, setting)
    assert logits.dtype == torch.float32
    torch.testing.assert_close(logits, model(x, setting), atol=1e-6 if precision == "float32" else 0.05, rtol=0)


def test_auto_precision_is_resolved():
    assert resolve("auto", torch.device("cpu")) in ("float32", "bfloat16")
    assert resolve("bfloat16", torch.device("cpu")) == "bfloat16"
