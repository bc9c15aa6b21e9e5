"""What a network cannot learn is found out before a folder is made."""

import copy
import re

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from robustdial import LogitsOf, recipes
from robustdial.cli import main
from robustdial.data import load
from robustdial.dial import Dials, dial, recalibrated
from robustdial.run import Run, start
from robustdial.training.checkpoint import save
from robustdial.training.engine import TrainState, fit

SMALL = ["--data", "digits", "--limit", "40", "--model", "resnet18", "--model-width", "4", "--epochs", "2"]


class Attention(nn.Module):
    """Its attention is fused, and has no second derivative."""

    def __init__(self):
        super().__init__()
        self.cut, self.head = nn.Conv2d(1, 8, 4, 4), nn.Linear(8, 10)

    def forward(self, x):
        tokens = self.cut(x).flatten(2).transpose(1, 2)[:, None]
        return self.head(F.scaled_dot_product_attention(tokens, tokens, tokens)[:, 0].mean(1))


class Auxiliary(nn.Module):
    """Two answers while it trains."""

    def __init__(self):
        super().__init__()
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))

    def forward(self, x):
        return (self.head(x), self.head(x)) if self.training else self.head(x)


class Recomputes(nn.Module):
    """It does its own activation checkpointing."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU())
        self.head = nn.Linear(8, 10)

    def forward(self, x):
        return self.head(checkpoint(self.body, x, use_reentrant=False).mean((2, 3)))


class Clamps(nn.Sequential):
    """It makes sure of the range of its images."""

    def __init__(self):
        super().__init__(nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.Flatten(), nn.Linear(288, 10))

    def forward(self, x):
        return super().forward(nn.functional.hardtanh(x, 0, 1))


class Softmax(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Flatten(), nn.Linear(64, 10), nn.Softmax(1))


class Unlabelled(nn.Sequential):
    """In training it looks for what nobody gives it."""

    def __init__(self):
        super().__init__(nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.Flatten(), nn.Linear(288, 10))

    def forward(self, x):
        return super().forward(x if not self.training else {}["labels"])


class Ends(nn.Module):
    """Something is done to what would be its logits."""

    def __init__(self, after):
        super().__init__()
        self.after, self.head = after, nn.Sequential(nn.Flatten(), nn.Linear(64, 10))

    def forward(self, x):
        return self.after(self.head(x))


class Adds(nn.Sequential):
    """In training it adds something to its images."""

    def __init__(self, what):
        super().__init__(nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.Flatten(), nn.Linear(288, 10))
        self.what = what

    def forward(self, x):
        return super().forward(x + self.what if self.training else x)


class Remembers(nn.Sequential):
    """Its state holds what is no tensor."""

    def __init__(self):
        super().__init__(nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.Flatten(), nn.Linear(288, 10))

    def get_extra_state(self):
        return {"version": 2}

    def set_extra_state(self, state):
        pass


@pytest.fixture
def built(monkeypatch):
    """Runs get the network that is put into this list."""
    networks = []
    monkeypatch.setattr("robustdial.run.network.build", lambda *_, **__: networks[0])
    return networks


ONE_VALUE = "more than 1 value per channel.*give --batch 8"


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["train", "oat", *SMALL, "--batch", "2"], ONE_VALUE),
        (["train", "pgd-at", *SMALL, "--batch", "1"], "pgd-at cannot train resnet18 on batches of 1 .*--batch 4"),
        (["compare", "clean", "oat", *SMALL, "--batch", "2"], ONE_VALUE),
        (["train", "gradalign", "--compile"], "Drop --compile"),
    ],
)
def test_batches_too_small_for_batch_norm_are_named_and_nothing_is_written(argv, words, tmp_path, capsys):
    assert main.run([*argv, "--out", str(tmp_path / "x")]) == 2
    error = capsys.readouterr().err
    assert len(error.splitlines()) == 1
    assert re.search(words, error)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("network", "recipe", "error", "words"),
    [
        (Attention(), "gradalign", ValueError, "gradalign cannot train .* second derivative"),
        (Auxiliary(), "clean", TypeError, "returns a tuple, not logits"),
        (Auxiliary(), "pgd-at", TypeError, "returns a tuple, not logits"),
        (Remembers(), "oat", ValueError, "'body._extra_state' of the network is dict, .* give a tensor"),
        (Clamps(), "pgd-at", ValueError, r"clamps its images, .* leave the clamp out"),
        (Clamps(), "oat", ValueError, r"clamps its images, .* leave the clamp out"),
        (Softmax(), "clean", ValueError, "gives probabilities, .* leave its last softmax out"),
        (
            Ends(lambda z: torch.complex(z.float(), z.float())),
            "clean",
            TypeError,
            "gives torch.complex64 .*, not logits",
        ),
        (Ends(lambda z: z.squeeze()), "clean", ValueError, r"gives \(10,\) for 1 images"),
        (Ends(lambda z: F.pad(z, (0, 1), value=-torch.inf)), "clean", FloatingPointError, "of -inf.*-1e4 instead"),
        (Ends(torch.detach), "clean", ValueError, "does not depend on the weights .* Let the gradient through"),
        (Adds("a"), "oat", ValueError, r"In training mode the network fails .*test_rehearsal.py:\d+\): TypeError"),
        (Unlabelled(), "pgd-at", ValueError, "pgd-at cannot train .*: 'labels'"),
        (Unlabelled(), "oat", ValueError, r"In training mode the network fails .*: KeyError: 'labels'"),
        (Recomputes(), "oat", ValueError, "own activation checkpointing .*--grad-checkpointing"),
    ],
)
def test_what_a_method_asks_of_a_network_is_tried(built, network, recipe, error, words, tmp_path):
    built.append(network)
    with pytest.raises(error, match=words):
        start(recipe, {}, Run(batch=16, limit=40, out=str(tmp_path / "x")))
    assert not list(tmp_path.iterdir())


def test_without_an_adversary_a_clamp_does_no_harm(built, tmp_path):
    built.append(Clamps())
    start("clean", {}, Run(batch=16, limit=40, out=str(tmp_path / "x")))
    assert (tmp_path / "x" / "run.json").exists()


def test_an_attention_that_needs_no_second_derivative_begins(built, tmp_path):
    built.append(Attention())
    start("pgd-at", {"steps": 1}, Run(batch=16, limit=40, out=str(tmp_path / "x")))
    assert (tmp_path / "x" / "run.json").exists()


def test_rehearsing_spends_no_random_number_and_no_weight(built, tmp_path):
    built.append(Attention())
    weights = copy.deepcopy(built[0].state_dict())
    experiment = start("pgd-at", {"steps": 1}, Run(batch=16, limit=40, seed=3, out=str(tmp_path / "x")))
    after = torch.get_rng_state()
    torch.manual_seed(3)
    assert torch.equal(after, torch.get_rng_state())
    assert all(torch.equal(value, weights[name]) for name, value in experiment.state.model.state_dict().items())


# --- training a network of one's own ----------------------------------------------------------------------------------


class Writing(nn.Module):
    def __init__(self, clamp):
        super().__init__()
        self.clamp, self.head = clamp, nn.Sequential(nn.Flatten(), nn.Linear(64, 10))

    def forward(self, x):
        return self.head(self.clamp(x))


@pytest.mark.parametrize("method", [recipes.pgd_at(steps=2), recipes.trades(steps=2), recipes.clean(), recipes.free()])
def test_a_network_that_writes_into_its_input_learns_what_another_learns(method):
    data, found = load("digits", limit=128), []
    for clamp in (lambda x: x.clamp(0.2, 0.8), lambda x: x.clamp_(0.2, 0.8)):
        torch.manual_seed(0)
        state = TrainState.new(Writing(clamp))
        found.append(([e["loss"] for e in fit(state, data, method, epochs=1, batch=64)], state.model))
    assert found[0][0] == found[1][0]
    assert torch.equal(found[0][1].head[1].weight, found[1][1].head[1].weight)


def test_two_answers_while_training_are_named():
    state = TrainState.new(Auxiliary())
    with pytest.raises(TypeError, match=r"returns a tuple, not logits.*LogitsOf\(network, 0\)"):
        next(fit(state, load("digits", limit=128), recipes.pgd_at(steps=1), epochs=1, batch=64))


def test_the_first_of_two_answers_can_be_picked_where_there_is_one():
    state = TrainState.new(LogitsOf(Auxiliary(), 0))
    assert next(fit(state, load("digits", limit=128), recipes.clean(), epochs=1, batch=64))["loss"] > 0
    assert state.model.eval()(torch.rand(3, 1, 8, 8)).shape == (3, 10)


def test_state_that_no_file_can_hold_is_named_before_one_is_written(tmp_path):
    class Extra(Auxiliary):
        def get_extra_state(self):
            return {"version": 3}

    with pytest.raises(ValueError, match=r"State '_extra_state' of the network is dict.*give a tensor"):
        save(TrainState.new(Extra()), tmp_path / "x.safetensors")
    assert not list(tmp_path.iterdir())


def test_a_network_that_writes_into_its_input_takes_a_dial():
    x, dialed = torch.rand(4, 1, 8, 8), []
    before = x.clone()
    for relu in (nn.Hardtanh(0.2, 0.8), nn.Hardtanh(0.2, 0.8, inplace=True)):
        torch.manual_seed(0)
        net = nn.Sequential(relu, nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.Flatten(), nn.Linear(8 * 36, 10))
        model = dial(net, Dials((0, 1), (0.5, 1)), example=x)
        dialed.append(recalibrated(model, 0.5, 0.75, [x])(x.clone()))
    assert torch.equal(*dialed)
    assert torch.equal(x, before)
