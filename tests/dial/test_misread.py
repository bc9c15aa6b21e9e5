"""Networks that a conditional dial would misread: each is served right, or refused in a line before it is trained."""

import copy
import threading

import pytest
import torch
from torch import nn

from robustdial.data import Batch
from robustdial.dial import Dials, Line, dial
from robustdial.method import Method
from robustdial.method.objective import AT
from robustdial.method.schedule import Constant
from robustdial.method.solver import PGD, Step
from robustdial.method.threat import Linf
from robustdial.training.batch import train_batch

X = torch.rand(6, 3, 8, 8, generator=torch.Generator().manual_seed(1))


def behind(*layers, features=8):
    return nn.Sequential(nn.Conv2d(3, 8, 3), *layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(features, 10))


def shaken(model):
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for value in [*model.parameters(), *model.buffers()]:
            if value.is_floating_point() and value.numel() > 5:
                value.add_(0.3 * torch.rand(value.shape, generator=generator))
    model.eval()
    return model


def check_served(net, example=None):
    """A dial changes nothing at first, and is the same served and baked."""
    net.eval()
    model = dial(net, Dials((0, 1)), example=example)
    torch.testing.assert_close(model.at(0.5)(X), net(X), rtol=1e-4, atol=1e-4)
    shaken(model)
    for lam in (0.0, 0.4, 1.0):
        torch.testing.assert_close(model.bake(lam)(X), model.at(lam)(X), rtol=1e-4, atol=1e-4)
    assert (model.at(0.0)(X) - model.at(1.0)(X)).abs().max() > 1e-3, "the dial does nothing"
    return model


class TwoNames(nn.Module):
    """One block under two names."""

    def __init__(self, norm):
        super().__init__()
        self.stem, self.one = nn.Conv2d(3, 8, 3), nn.Sequential(nn.Conv2d(8, 8, 1), norm)
        self.two, self.head = self.one, nn.Linear(8, 10)

    def forward(self, x):
        return self.head(self.two(self.one(self.stem(x))).mean((2, 3)))


class Clipped(nn.BatchNorm2d):
    def forward(self, x):
        return super().forward(x).clamp(-0.5, 0.5)


class OnePlus(nn.LayerNorm):
    def forward(self, x):
        return nn.functional.layer_norm(x, self.normalized_shape, 1 + self.weight, self.bias, self.eps)


class RootMeanSquareNorm(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))

    def forward(self, x):
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-6) * self.weight


class Tokens(nn.Module):
    """Tokens of an image through a norm, `[B, N, C]` or, tokens first, `[N, B, C]`."""

    def __init__(self, norm, first=False):
        super().__init__()
        self.embed, self.norm, self.head, self.first = nn.Linear(8, 8), norm, nn.Linear(8, 10), first

    def forward(self, x):
        x = self.embed(x[:, 0, :6])
        x = self.norm(x.transpose(0, 1)).transpose(0, 1) if self.first else self.norm(x)
        return self.head(x.mean(1))


class Flattened(nn.Module):
    """A batch norm over the tokens of all images, as LeViT has them, behind one over images."""

    def __init__(self):
        super().__init__()
        self.conv, self.seen, self.blind = nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.BatchNorm1d(8)
        self.head = nn.Linear(8, 10)

    def forward(self, x):
        x = self.seen(self.conv(x)).flatten(2).transpose(1, 2)
        return self.head(self.blind(x.flatten(0, 1)).reshape(x.shape).mean(1))


class Listed(nn.Module):
    def __init__(self, norm, keep=list):
        super().__init__()
        self.conv, self.head, self.norms = nn.Conv2d(3, 8, 3), nn.Linear(8, 10), keep([norm])

    def forward(self, x):
        return self.head(self.norms[0](self.conv(x)).mean((2, 3)))


class Closed(nn.Module):
    """A norm that no attribute holds."""

    def __init__(self):
        super().__init__()
        norm = nn.GroupNorm(2, 8).eval()
        self.conv, self.known, self.head = nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Linear(8, 10)
        self.norm = lambda x: norm(x)

    def forward(self, x):
        return self.head(self.norm(self.known(self.conv(x))).mean((2, 3)))


class Auxiliary(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = behind(nn.BatchNorm2d(8))

    def forward(self, x):
        return (self.net(x), self.net(x)) if self.training else self.net(x)


class Watched(nn.Module):
    """Its head reads what a hook has kept, of the network that it was registered on."""

    def __init__(self, seen):
        super().__init__()
        self.net, self.head, self.kept = behind(nn.BatchNorm2d(8)), nn.Linear(10, 10), {}
        self.net.register_forward_hook(lambda layer, given, out: self.kept.update(out=out))
        if seen:
            with torch.no_grad():
                self.net(X[:2])

    def forward(self, x):
        self.net(x)
        return self.head(self.kept["out"])


class Locked(TwoNames):
    def __init__(self, norm):
        super().__init__(norm)
        self.lock = threading.Lock()


class Bound(nn.Module):
    """It calls a method of its norm, which no hook sees."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm, self.head = nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Linear(8, 10)
        self.normalise = self.norm.forward

    def forward(self, x):
        return self.head(self.normalise(self.conv(x)).mean((2, 3)))


class Silent(nn.Module):
    """`train` of old code, which returns nothing."""

    def __init__(self):
        super().__init__()
        self.net = behind(nn.BatchNorm2d(8))

    def forward(self, x):
        return self.net(x)

    def train(self, mode=True):
        super().train(mode)


class Limited(nn.Module):
    def forward(self, weight):
        return weight.clamp(-2, 2)


def limited(norm):
    """A norm whose weight is computed."""
    nn.utils.parametrize.register_parametrization(norm, "weight", Limited())
    return norm


def without_bias(norm):
    norm.bias = None  # as bias=False does, where torch has it
    return norm


def hooked(norm, hook):
    norm.register_forward_hook(hook)
    return norm


SERVED = {
    "a block under two names": lambda: TwoNames(nn.BatchNorm2d(8)),
    "a block of group norm under two names": lambda: TwoNames(nn.GroupNorm(2, 8)),
    "RMSNorm": lambda: Tokens(nn.RMSNorm(8)),
    "RMSNorm without weights": lambda: Tokens(nn.RMSNorm(8, elementwise_affine=False)),
    "an RMS norm of somebody": lambda: Tokens(RootMeanSquareNorm(8)),
    "a layer norm with a forward of its own": lambda: Tokens(
        type("Own", (nn.LayerNorm,), {"forward": lambda s, x: nn.LayerNorm.forward(s, 2 * x)})(8)
    ),
    "a norm that sees no rows": Flattened,
    "a network whose train returns nothing": Silent,
    "a batch norm without a bias": lambda: behind(without_bias(nn.BatchNorm2d(8))),
    "a group norm without a bias": lambda: behind(without_bias(nn.GroupNorm(2, 8))),
    "a batch norm with a parametrized weight": lambda: behind(limited(nn.BatchNorm2d(8))),
    "a norm with a hook that looks": lambda: behind(hooked(nn.BatchNorm2d(8), lambda layer, given, out: None)),
}


@pytest.mark.parametrize("name", SERVED)
@pytest.mark.parametrize("example", [X[:2], None], ids=["example", "no example"])
def test_it_is_served_right(name, example):
    if name == "a norm that sees no rows" and example is None:
        pytest.skip("found by trying it only")
    model = check_served(SERVED[name](), example)
    assert type(model.bake(0.5)) is not type(None)
    (setting,) = model.settings(torch.tensor([0, 0, 1, 1, 0, 1]))
    model.train()
    assert model(X, setting).isfinite().all()


def test_nobody_looks_at_a_weight_that_a_look_would_move():
    net = behind(nn.BatchNorm2d(8))
    nn.utils.parametrizations.spectral_norm(net[0], n_power_iterations=1)
    model = dial(net.train(), Dials((0, 1)), example=X[:2])
    for name, value in net.state_dict().items():
        if name.startswith("0."):
            assert torch.equal(model.body.state_dict()[name], value), name


@pytest.mark.parametrize("seen", [False, True])
def test_a_copy_that_is_another_network_is_refused(seen):
    with pytest.raises(ValueError, match="A copy of this Watched is not the same network"):
        dial(Watched(seen), Dials((0, 1)), example=X[:2] + 1)


def test_looking_at_a_network_leaves_it_as_it_was():
    class Counts(TwoNames):
        def forward(self, x):
            self.count += 1
            return super().forward(x) + 1e-3 * self.count

    net = Counts(nn.BatchNorm2d(8))
    net.register_buffer("count", torch.zeros(()))
    assert dial(net, Dials((0, 1)), example=X[:2]).sites
    assert net.count == 0 and net.training


def test_what_sees_no_rows_is_left_as_it_is():
    assert [site.name for site in dial(Flattened(), Dials((0, 1)), example=X[:2]).sites] == ["seen"]


REFUSED = {
    "a forward of its own": (lambda: behind(Clipped(8)), "'1' (Clipped) computes something else than a batch norm"),
    "a hook": (
        lambda: behind(hooked(nn.BatchNorm2d(8), lambda layer, given, out: 2 * out)),
        "'1' (BatchNorm2d) computes something else",
    ),
    "a hook on a layer norm": (
        lambda: Tokens(hooked(nn.LayerNorm(8), lambda layer, given, out: out + 1)),
        "'norm' (LayerNorm) does not use its weight",
    ),
    "one plus the weight": (lambda: Tokens(OnePlus(8)), "'norm' (OnePlus) does not use its weight"),
    "a list": (lambda: Listed(nn.BatchNorm2d(8)), "'norms' is a plain list that holds a BatchNorm2d"),
    "a tuple": (lambda: Listed(nn.Sequential(nn.GroupNorm(2, 8)), tuple), "'norms' is a plain tuple"),
    "a bound method": (Bound, "'normalise' is a method of a BatchNorm2d"),
    "a group norm with a parametrized weight": (
        lambda: behind(limited(nn.GroupNorm(2, 8))),
        "'1' (ParametrizedGroupNorm) does not use its weight",
    ),
    "a lock": (lambda: Locked(nn.BatchNorm2d(8)), "cannot be copied (cannot pickle '_thread.lock' object)"),
    "one layer": (lambda: nn.Linear(8, 10), "The network is one layer, a Linear"),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("example", [X[:2], None], ids=["example", "no example"])
def test_it_is_refused_in_a_line(name, example):
    make, words = REFUSED[name]
    options = {"sites": lambda name, module: True} if name == "one layer" else {"example": example}
    with pytest.raises((TypeError, ValueError)) as refusal:
        dial(make(), Dials((0, 1)), **options)
    assert words in str(refusal.value) and "\n" not in str(refusal.value)


@pytest.mark.parametrize("name", ["a forward of its own", "a hook", "a hook on a layer norm", "one plus the weight"])
def test_what_a_conditional_dial_refuses_is_on_a_line(name):
    net = shaken(REFUSED[name][0]())
    with pytest.raises(TypeError, match="--dial line"):
        dial(net)
    model = Line((0, 1)).put_on(net, example=X[:2])
    torch.testing.assert_close(model.at(0.5)(X), net(X))


class OneSize(nn.Module):
    """A batch of 6 and no other."""

    def __init__(self):
        super().__init__()
        self.net = behind(nn.BatchNorm2d(8))

    def forward(self, x):
        return self.net(x.reshape(6, 3, 8, 8))


def test_a_network_for_one_size_of_batch_is_refused_in_words():
    with pytest.raises(ValueError, match="cannot follow the dial"):
        dial(OneSize(), Dials((0, 1)), example=X)


@pytest.mark.parametrize(
    ("make", "words"),
    [(Closed, "called that is no layer of the network"), (Auxiliary, "returns a tuple, not logits")],
)
def test_with_an_example_it_is_refused_before_it_is_trained(make, words):
    with pytest.raises((TypeError, ValueError), match=words):
        dial(make(), Dials((0, 1)), example=X[:2])


def method(dials):
    return Method(Linf(0.1), PGD(Step(spread=1.25)), Constant(2), AT(), dials)


def learn(model, dials, x):
    model.train()
    y = torch.zeros(len(x), dtype=torch.int64)
    return train_batch(model, Batch(x, y), method(dials), 2, torch.optim.SGD(model.parameters(), lr=0.1), [])


def test_tokens_first_are_found_in_the_first_batch_too():
    dials = Dials((0, 1))
    model = dial(Tokens(nn.LayerNorm(8), first=True), dials)
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(ValueError, match="cannot follow the dial in layer 'norm'"):
        learn(model, dials, X)  # six tokens, six images
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize("rows", [2, 3])
def test_one_clean_row_behind_global_pooling_is_trained_on(rows):
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.AdaptiveAvgPool2d(1), nn.BatchNorm2d(8), nn.Flatten(), nn.Linear(8, 10))
    net.train()(X[:rows])  # as the plain network does
    dials = Dials((0, 0.5, 1))
    model = dial(net, dials, example=X[:2])
    (setting,) = model.settings(torch.tensor([0, 1, 2][:rows]))
    assert model.train()(X[:rows], setting).isfinite().all()
    assert learn(model, dials, X[:rows])["loss"].isfinite()


def test_what_was_baked_of_a_frozen_network_is_frozen():
    model = dial(behind(nn.BatchNorm2d(8), nn.GroupNorm(2, 8)), Dials((0, 1)))
    assert all(weight.requires_grad for weight in model.bake(0.5).parameters())
    model.requires_grad_(False)
    assert not any(weight.requires_grad for weight in model.bake(0.5).parameters())
