"""Networks as people bring them: a habit changes no number, or is named in one line before the work begins."""

import importlib.util
from collections import namedtuple
from dataclasses import make_dataclass
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from robustdial import LogitsOf
from robustdial.attack import parse
from robustdial.data import from_tensors
from robustdial.evaluate import cross, measure
from robustdial.method.threat import Linf
from robustdial.randomness import seeded
from robustdial.study.evaluation import Evaluation, check_gradient, foreign

N, THREAT, ATTACK = 40, Linf(0.05), parse("pgd-3+square-20")


class Around(nn.Module):
    """Four classes, one for each quadrant that may be brightest, with something done before and after."""

    def __init__(self, before=lambda x: x, after=lambda z: z):
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(1, 4, 2, bias=False), nn.BatchNorm2d(4), nn.Flatten())
        with torch.no_grad():
            self.layers[0].weight.copy_(torch.eye(4).view(4, 1, 2, 2))
        self.before, self.after = before, after

    def forward(self, x):
        return self.after(self.layers(self.before(x)))


class TrainGivesNothing(Around):
    def train(self, mode=True):
        super().train(mode)


class ExtraState(Around):
    def get_extra_state(self):
        return {"version": 3}

    def set_extra_state(self, state):
        pass


class Stubborn(Around):
    def train(self, mode=True):
        return super().train(True)


class NoMode(Around):
    def train(self):
        pass


class Cut(Around):
    def forward(self, x):
        with torch.no_grad():
            return super().forward(x)


class NoState(Around):
    def state_dict(self, *args, **kwargs):
        return None


class TwoArguments(Around):
    def forward(self, x, time):
        return super().forward(x)


class ByName(Around):
    def forward(self, *, pixel_values):
        return super().forward(pixel_values)


def images():
    x = torch.rand(N, 1, 2, 2, generator=torch.Generator().manual_seed(0))
    return from_tensors((x, x.flatten(1).argmax(1)), (x, x.flatten(1).argmax(1)))


def standing(network, tmp_path, attack=ATTACK):
    data = images()
    subject = foreign(network, "habit", data, data.test, THREAT, tmp_path / "out")
    check_gradient(network, data.test, attack)
    evaluation = Evaluation(subject, attack)
    for _ in evaluation.run():
        pass
    return evaluation.whole().broken_by.tolist()


def clamped(x):
    return x.clamp(0.3, 0.7)


def by_data(x):
    x.data.clamp_(0.3, 0.7)
    return x


def under_no_grad(x):
    with torch.no_grad():
        x.clamp_(0.3, 0.7)
    return x


WRITING = {
    "hardtanh in place": lambda x: F.hardtanh(x, 0.3, 0.7, inplace=True),
    "where it asks for no gradient": lambda x: F.hardtanh(x * 1 if x.requires_grad else x, 0.3, 0.7, inplace=True),
    "clamp_": lambda x: x.clamp_(0.3, 0.7),
    "sub_ and add_": lambda x: clamped(x.sub_(0.5).add_(0.5)),
}
WRITING_PAST_AUTOGRAD = {"data": by_data, "no_grad": under_no_grad}


@pytest.mark.parametrize("before", WRITING.values(), ids=WRITING.keys())
def test_a_network_that_writes_into_its_input_changes_no_number(before, tmp_path):
    expected = standing(Around(clamped), tmp_path / "plain")
    assert standing(Around(before), tmp_path) == expected
    assert len(set(expected)) > 1
    assert expected != standing(Around(), tmp_path / "other")


@pytest.mark.parametrize("before", WRITING_PAST_AUTOGRAD.values(), ids=WRITING_PAST_AUTOGRAD.keys())
def test_one_that_writes_past_autograd_is_attacked_through_the_gradient_it_shows(before, tmp_path):
    through = Around(lambda x: x + (clamped(x) - x).detach())
    assert standing(Around(before), tmp_path) == standing(through, tmp_path / "plain")


def test_measure_and_cross_hand_out_copies_too():
    source, found = images().test, []
    kept = source.batches([torch.arange(N)])
    before = next(kept)[0].clone()
    for network in (Around(clamped), Around(WRITING["clamp_"])):
        network.eval()
        pair = (network, Around().eval())
        with seeded(0):
            rounds = [right.tolist() for right in cross(pair, source, parse("pgd-3"), THREAT)]
            found.append((measure(network, source, "pgd-3", THREAT), rounds))
    assert found[0] == found[1]
    assert torch.equal(next(source.batches([torch.arange(N)]))[0], before)


Named = namedtuple("Named", "features scores")
Object = make_dataclass("Object", ["logits"])
RETURNS = {
    "tuple": (lambda z: (z, z[:, :2, None]), 0),
    "last of a list": (lambda z: [z.mean(), z], 1),
    "dict": (lambda z: {"loss": None, "logits": z}, "logits"),
    "dict by number": (lambda z: {"logits": z}, "0"),
    "dataclass": (Object, "logits"),
    "namedtuple": (lambda z: Named(z[:, :, None], z), "scores"),
    "object": (lambda z: SimpleNamespace(logits=z), "logits"),
}


@pytest.mark.parametrize(("after", "output"), RETURNS.values(), ids=RETURNS.keys())
def test_one_that_returns_more_is_told_how_to_pick_the_logits_and_then_measured(after, output, tmp_path):
    network = Around(after=after)
    with pytest.raises(TypeError, match=r"not logits; in it are .*LogitsOf\(network, .*--output \w+;"):
        standing(network, tmp_path)
    assert standing(LogitsOf(network, output), tmp_path) == standing(Around(), tmp_path / "plain")


@pytest.mark.parametrize("output", [2, "nothing"])
def test_an_output_that_is_not_there_is_named_with_those_that_are(output, tmp_path):
    with pytest.raises(ValueError, match=f"no output {output}: the network returns a dict. In it are logits"):
        standing(LogitsOf(Around(after=lambda z: {"logits": z}), output), tmp_path)


SOUND = {
    "double inside": lambda: Around(lambda x: x.double(), lambda z: z).double(),
    "train gives nothing": TrainGivesNothing,
    "extra state": ExtraState,
    "log-probabilities": lambda: Around(after=lambda z: z.log_softmax(1)),
    "double logits": lambda: Around(after=lambda z: z.double()),
}


@pytest.mark.parametrize("make", SOUND.values(), ids=SOUND.keys())
def test_a_harmless_habit_changes_no_number(make, tmp_path):
    assert standing(make(), tmp_path) == standing(Around(), tmp_path / "plain")


def own_exception(x):
    raise KeyError("my key")


def assertion(x):
    assert x.shape[-1] == 32


@torch.inference_mode()
def made_in_inference_mode():
    return Around()


class Double(Around):
    def __init__(self):
        super().__init__(lambda x: x * self.one)
        self.register_buffer("one", torch.ones(1, 1, 1, 1, dtype=torch.double))


def learns(x):
    with torch.enable_grad():
        nn.Linear(2, 2).requires_grad_(False)(x.detach()).sum().backward()
    return x


def full(x):
    raise RuntimeError("CUDA out of memory. Tried to allocate 20.00 MiB")


REFUSED = {
    "half inside": (lambda: Around().half(), r"weights are float16, the images float32: build it with .float\(\)"),
    "double weights": (lambda: Around().double(), r"weights are float64, the images float32"),
    "double buffer": (Double, "buffers are float64, the images float32"),
    "lazy": (lambda: nn.Sequential(nn.Flatten(), nn.LazyLinear(4)), r"lazy layers without weights yet \(1.weight\)"),
    "numpy inside": (lambda: Around(lambda x: torch.from_numpy(x.numpy())), "leaves PyTorch: detach.*by square"),
    "learns": (lambda: Around(learns), "Weights are frozen while it is measured"),
    "out of memory": (lambda: Around(full), "Give it fewer images at once, with --batch"),
    "ruled out": (lambda: Around(after=lambda z: z.masked_fill(z < z.amax(1, True), -torch.inf)), "of -inf.*-1e4"),
    "colour": (lambda: nn.Sequential(nn.Conv2d(3, 4, 2), nn.Flatten()), "takes 3 channels, the images have 1"),
    "one size of batch": (lambda: Around(lambda x: x.view(64, 1, 2, 2)), "takes batches of 64 images and fails on 3"),
    "many alone": (lambda: Around(after=lambda z: z.squeeze()), r"\(4,\) for 1 images.* one alone must do"),
    "size of image": (lambda: nn.Sequential(nn.Flatten(), nn.Linear(9, 4)), r"must take images \[1, 2, 2\]"),
    "own exception": (lambda: Around(own_exception), r"\(test_habits.py:\d+\): KeyError: 'my key'"),
    "assertion": (lambda: Around(assertion), r"\(test_habits.py:\d+\): AssertionError"),
    "stays in training mode": (Stubborn, "training mode.*own train"),
    "no mode": (NoMode, "cannot be put into evaluation mode.*train"),
    "no forward": (nn.Module, "fails on images .*forward"),
    "second argument": (TwoArguments, "missing 1 required .*do with the images alone, by their place: wrap it"),
    "by name": (ByName, "positional argument.*do with the images alone, by their place: wrap it"),
    "one score": (lambda: Around(after=lambda z: z[:, 0]), r"\(3,\) for 3 images.* two logits: torch.stack"),
    "one logit": (lambda: Around(after=lambda z: z[:, :1]), r"\(3, 1\) for 3 images.* make two: torch.cat"),
    "maps": (lambda: Around(after=lambda z: z[..., None, None]), r"Flatten them: logits.flatten\(1\)"),
    "class numbers": (lambda: Around(after=lambda z: z.argmax(1)), "torch.int64 .* not logits"),
    "no state": (NoState, "The weights of the network cannot be read"),
    "inference mode": (made_in_inference_mode, "weights were made in inference mode.*build it outside"),
    "sparse": (lambda: Around(after=lambda z: z.to_sparse()), r"sparse tensor .*Return them as .to_dense\(\)"),
    "numpy": (lambda: Around(after=lambda z: z.detach().numpy()), "returns a ndarray, not logits"),
    "nothing": (lambda: Around(after=lambda z: None), r"returns nothing \(None\), not logits"),
    "too few classes": (lambda: Around(after=lambda z: z[:, :3]), "labels up to 3, and the network has 3 logits"),
    "not finite": (lambda: Around(after=lambda z: z * torch.nan), "not finite"),
    "without gradient": (Cut, "pgd-3: The network has no gradient to climb: the logits are cut off.*square"),
    "constant": (lambda: Around(lambda x: torch.ones_like(x)), "pgd-3: .*cut off"),
}


@pytest.mark.parametrize(("make", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_measured_is_named_before_anything_is_written(make, words, tmp_path):
    with pytest.raises((ValueError, TypeError, FloatingPointError), match=words) as refusal:
        standing(make(), tmp_path)
    assert "\n" not in str(refusal.value)
    assert not (tmp_path / "out").exists()


def test_without_a_gradient_a_network_is_attacked_by_what_needs_none(tmp_path):
    square = parse("square-20")
    assert standing(Cut(), tmp_path, square) == standing(Around(), tmp_path / "plain", square)


def test_the_shared_network_that_writes_is_measured_as_the_one_that_does_not(shared, tmp_path):
    path = shared / "cases" / "networks.py"
    if not path.is_file():
        pytest.skip("no networks.py among the shared cases")
    spec = importlib.util.spec_from_file_location("networks", path)
    networks = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(networks)
    x = torch.rand(N, 1, 8, 8)
    source = from_tensors((x, torch.arange(N) % 10), (x, torch.arange(N) % 10)).test
    found = []
    for network in (networks.WritesIntoItsInput(), networks.Clamped()):
        network.eval()
        with seeded(0):
            found.append(measure(network, source, "pgd-3+square-20", Linf(0.1)))
    assert found[0] == found[1]
