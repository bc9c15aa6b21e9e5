"""One switch compiles the wrapper; turning the dial then recompiles nothing."""

from contextlib import nullcontext
from inspect import signature

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from robustdial.data import Batch
from robustdial.dial import Dials, dial
from robustdial.method.modes import attacked
from robustdial.models import build
from robustdial.precision import Prepared, graphs_allowed, resolve
from robustdial.recipes import pgd_at
from robustdial.run import Run, resume, start
from robustdial.run.training_loop import training_loop
from robustdial.training import optimizer_for, train_batch

pytestmark = pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")  # by the compiler


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


@pytest.fixture
def graphs(monkeypatch):
    """The graphs that are made; nothing is compiled of them."""
    made, compile = [], torch.compile

    def backend(graph, inputs):
        made.append(graph)
        return graph.forward

    torch.compiler.reset()
    monkeypatch.setattr(torch, "compile", lambda model, **how: compile(model, backend=backend, **how))
    return made


RUN = {"limit": 60, "batch": 16, "epochs": 2, "compile": True, "model_width": 4, "precision": "float32"}


@pytest.mark.parametrize(
    ("recipe", "number"),
    [
        ("pgd-at", 2),  # attacked, with the batch norms folded, and learning
        ("trades", 4),  # attacked with a gradient and without; learning from clean images and from others
        ("oat", 3),
    ],
)
def test_all_graphs_are_made_before_a_run_begins(recipe, number, graphs, tmp_path):
    experiment = start(recipe, {"steps": 2}, Run(**RUN, out=str(tmp_path / "run")))
    assert len(graphs) == number
    list(training_loop(experiment))
    assert len(graphs) == number


def test_graphs_of_a_later_part_are_made_before_too_and_before_a_resumed_run(graphs, tmp_path):
    experiment = start("radial", {"steps": 1, "warm": 0.5}, Run(**RUN, out=str(tmp_path / "run")))
    assert len(graphs) == 2  # the warm part asks for one of its own
    next(training_loop(experiment))
    experiment.save()
    torch.compiler.reset()
    graphs.clear()
    experiment = resume(tmp_path / "run")
    assert len(graphs) == 2
    list(training_loop(experiment))
    assert len(graphs) == 2


def test_a_compiled_network_is_attacked_folded(graphs):
    net = build("resnet18", classes=10, shape=(3, 8, 8), mean=[0.5] * 3, std=[0.5] * 3, width=4).double()
    prepared, x, y = Prepared(net, "float32", compiled=True), torch.rand(8, 3, 8, 8).double(), torch.arange(8)
    for number in range(3):
        with attacked(net, "eval"):
            found = []
            for folded in (False, True):
                images = x.clone().requires_grad_()
                with prepared.standing(x) if folded else nullcontext():
                    logits = (prepared if folded else net)(images)
                found.append((logits.detach(), torch.autograd.grad(logits[:, 0].sum(), images)[0]))
        for one, other in zip(*found, strict=True):
            torch.testing.assert_close(one.to(other), other, rtol=1e-5, atol=1e-7)
        assert not any("batch_norm" in str(node.target) for graph in graphs[:1] for node in graph.graph.nodes)
        train_batch(net, Batch(x, y), pgd_at(steps=1), 2, optimizer_for(net, 0.1), [], forward=prepared)
        assert len(graphs) == 2, number


def test_what_the_compiler_cannot_do_is_told_before_anything_is_written(monkeypatch, tmp_path):
    def backend(graph, inputs):
        raise OSError("no working C++ compiler. Hint: take another one")

    compile = torch.compile
    torch.compiler.reset()
    monkeypatch.setattr(torch, "compile", lambda model, **how: compile(model, backend=backend, **how))
    told = r"^torch.compile fails on cnn: no working C.. compiler\. Leave out --compile\.$"
    with pytest.raises(ValueError, match=told):
        start("pgd-at", {"steps": 1}, Run(limit=60, batch=16, compile=True, out=str(tmp_path / "run")))
    assert not list(tmp_path.iterdir())


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
