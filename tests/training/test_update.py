"""A batch in parts, gradients that are shortened, a rate that is warmed up, optimizers by name."""

import importlib.util
from pathlib import Path

import pytest
import torch
from torch import nn

from robustdial.data import Batch
from robustdial.recipes import RECIPES
from robustdial.training import TrainState, fit, optimizer_for, restore, save, train_batch
from robustdial.training.rate import Warmed, constant
from robustdial.training.update import Update

spec = importlib.util.spec_from_file_location("worker", Path(__file__).parents[1] / "distributed" / "worker.py")
worker = importlib.util.module_from_spec(spec)
spec.loader.exec_module(worker)

GENERATED = ("gat", "gat-oat")  # need a generator in a folder
TOGETHER = ("nuat", "fgsm-pgi")  # a norm, and a mean, over all rows that are played at once
CASES = [f"{name}/none" for name in [*worker.RECIPES, "AWP, oats", "one victim, locallinearity"]]
REST = [f"{name}/none" for name in RECIPES if name not in (*GENERATED, *TOGETHER, *worker.RECIPES)]


@pytest.fixture
def two_epochs_of_three(monkeypatch):
    monkeypatch.setattr(worker, "BATCH", 120)


@pytest.mark.parametrize("case", CASES)
def test_a_batch_in_parts_leaves_what_the_whole_leaves_without_batch_norm(case, two_epochs_of_three):
    whole, parts = worker.trained(case), worker.trained(case, accumulate=4)
    assert whole.keys() == parts.keys()
    for name, value in whole.items():
        tolerance = 1e-5 if name == "epochs" else 1e-9
        torch.testing.assert_close(
            parts[name], value, rtol=tolerance, atol=tolerance, msg=lambda m, n=name: f"{n}: {m}"
        )


@pytest.mark.slow
@pytest.mark.parametrize("case", REST)
def test_so_it_does_with_every_recipe(case, two_epochs_of_three):
    test_a_batch_in_parts_leaves_what_the_whole_leaves_without_batch_norm(case, two_epochs_of_three)


def test_a_batch_that_the_parts_do_not_divide_is_refused():
    state, method, data = worker.started("pgd-at/none", worker.ALONE, accumulate=5)
    with pytest.raises(ValueError, match=r"36 images in 5 parts .* --batch 35"):
        next(fit(state, data, method, epochs=1, batch=36))


def test_what_a_batch_that_was_broken_off_has_left_is_not_learned_from():
    x, y = torch.rand(6, 1, 4, 4, requires_grad=True), torch.arange(6) % 2
    weights = []
    for stale in (None, 100.0):
        torch.manual_seed(0)
        net = nn.Sequential(nn.Flatten(), nn.Linear(16, 2))
        net[1].weight.grad = None if stale is None else torch.full((2, 16), stale)
        train_batch(net, Batch(x, y), RECIPES["fgsm"](), 2, optimizer_for(net, 0.1), [])
        weights.append(net[1].weight.detach())
    assert torch.equal(*weights)
    assert x.grad is None  # nor do the images get one


def test_a_gradient_is_shortened_to_a_length():
    net, longest = nn.Linear(3, 1, bias=False), 0.5
    before = net.weight.detach().clone()
    net.weight.grad = torch.full((1, 3), 10.0)
    Update(net, torch.optim.SGD(net.parameters(), lr=1.0), worker.ALONE, longest)()
    torch.testing.assert_close((before - net.weight.detach()).norm(), torch.tensor(longest))
    assert net.weight.grad is None


def test_a_rate_is_reached_by_a_straight_line():
    assert [Warmed(constant, 0.2)(progress) for progress in (0, 0.05, 0.1, 0.2, 0.9)] == [0, 0.25, 0.5, 1, 1]


NAMES = ["adamw", "nadam", "rmsprop", "adagrad", "asgd", "radam", "lamb", "lion"]


@pytest.mark.parametrize("name", NAMES)
def test_with_any_optimizer_training_goes_on_to_the_bit(name, tmp_path):
    if name in ("lamb", "lion"):
        pytest.importorskip("timm")

    def begun():
        state, method, data = worker.started("pgd-at", worker.ALONE)
        state.optimizer, state.lr, state.clip = optimizer_for(state.model, 1e-3, name=name), 1e-3, 1.0
        state.rate = Warmed(constant, 0.3)
        return state, method, data

    (whole, method, data), (first, *_), (second, *_) = begun(), begun(), begun()
    torch.manual_seed(0)
    list(fit(whole, data, method, epochs=2, batch=120))
    torch.manual_seed(0)
    next(fit(first, data, method, epochs=2, batch=120))
    save(first, tmp_path / "half.safetensors")
    restore(second, tmp_path / "half.safetensors")
    list(fit(second, data, method, epochs=2, batch=120))
    before = worker.started("pgd-at", worker.ALONE)[0].model.state_dict()
    for key, value in whole.model.state_dict().items():
        assert torch.equal(value, second.model.state_dict()[key]), key
    assert any(not torch.equal(value, before[key]) for key, value in whole.model.state_dict().items())


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("adamz", "no optimizer 'adamz'. The nearest is 'adam'"),
        ("lbfgs", "needs more than a gradient"),
        ("AdamW", "The nearest is 'adamw'"),
    ],
)
def test_an_optimizer_that_there_is_not(name, line):
    with pytest.raises(ValueError, match=line):
        optimizer_for(nn.Linear(2, 2), 0.1, name=name)


def test_momentum_and_decay_go_where_there_are_any():
    (group,) = optimizer_for(nn.Linear(2, 2), 0.1, 0.8, 0.02, "sgd").param_groups
    assert (group["lr"], group["momentum"], group["weight_decay"]) == (0.1, 0.8, 0.02)
    (group,) = optimizer_for(nn.Linear(2, 2), 0.1, 0.8, 0.02, "adamw").param_groups
    assert (group["lr"], group["weight_decay"]) == (0.1, 0.02)


def test_a_state_begins_with_what_is_customary():
    assert isinstance(TrainState.new(nn.Linear(2, 2)).optimizer, torch.optim.SGD)


@pytest.mark.parametrize("name", ["oat", "free", "oats"])
def test_every_update_is_propagated_by_the_backward_that_is_given(name):
    ends = []
    for factor in (1.0, 4.0):  # a power of two changes no bit
        state, method, data = worker.started(f"{name}/none", worker.ALONE)
        optimizer = torch.optim.SGD(state.model.parameters(), lr=0.1 / factor)
        x, y = next(data.train.batches([torch.arange(36)]))
        told = []

        def backward(loss, factor=factor, told=told):
            told.append(float(loss.detach()))
            torch.autograd.backward(factor * loss)

        train_batch(state.model, Batch(x.double() / 255, y), method, 3, optimizer, [], backward=backward)
        ends.append((state.model.state_dict(), told))
    (plain, losses), (scaled, again) = ends
    assert losses == again != []
    assert all(torch.equal(scaled[name], value) for name, value in plain.items())
