"""The door that every attack is called through, and what `measure` asks for."""

from functools import partial

import pytest
import torch
from torch import nn

from robustdial.attack import Clean, FromAnother, Grid, PGDAttack, WorstOf, parse
from robustdial.data import from_tensors
from robustdial.evaluate import clean_accuracy, measure
from robustdial.logits import LogitsOf
from robustdial.method.threat import Linf, spatial
from robustdial.randomness import seeded

BALL = [
    "fgsm",
    "pgd-3",
    "cw-3x2",
    "apgd-ce-3",
    "apgd-t-3",
    "fab-t-3",
    "deepfool",
    "square-5",
    "worst-of-2",
    "pgd-2+fgsm",
]
ATTACKS = [(parse(name), Linf(0.1)) for name in BALL]
ATTACKS += [(Clean(), Linf(0.1)), (Grid(3, 3), spatial()), (WorstOf(2), spatial())]
EVERY = pytest.mark.parametrize(("attack", "threat"), ATTACKS, ids=lambda value: value.name)


def net():
    with seeded(1):
        return nn.Sequential(nn.Flatten(), nn.Linear(48, 5)).eval()


NET = net()
X, Y = torch.rand(6, 3, 4, 4, generator=torch.Generator().manual_seed(0)), torch.arange(6) % 5
RIGHT = NET(X).argmax(1)

MEANT_OTHERWISE = {
    "0 to 255": (X * 255, Y, "0 to 255[?] Divide by 255"),
    "normalised": ((X - 0.5) / 0.5, Y, "normalised already[?].*into the network"),
    "uint8": ((X * 255).to(torch.uint8), Y, r"uint8.*x.float\(\) / 255"),
    "int64": (X.long(), Y, r"int64.*x.float\(\) / 255"),
    "interpolated": (X * 1.1, Y, r"interpolation.*x\.clamp\(0, 1\)"),
    "nan": (X.where(X > 0.1, torch.nan), Y, "not finite"),
    "infinite": (X.where(X > 0.1, torch.inf), Y, "not finite"),
    "one image": (X[0], Y[:1], r"\[3, 4, 4\].*x\[None\]"),
    "numpy": (X.numpy(), Y, r"ndarray.*torch.as_tensor"),
    "list of labels": (X, Y.tolist(), r"labels are list.*torch.as_tensor"),
    "labels outside": (X, Y + 1, "labels up to 5, and the network has 5 logits"),
    "labels below": (X, Y - 1, "smallest label is -1"),
    "float labels": (X, Y.float(), r"labels are torch.float32.*y.long\(\)"),
    "one-hot": (X, torch.eye(5)[Y], r"one-hot.*y.argmax\(1\)"),
    "bool labels": (X, Y > 2, "labels are torch.bool"),
    "too few labels": (X, Y[:4], r"\[4\] for 6 images"),
    "column of labels": (X, Y[:, None], r"\[6, 1\] for 6 images"),
}


@pytest.mark.parametrize(("x", "y", "words"), MEANT_OTHERWISE.values(), ids=MEANT_OTHERWISE.keys())
@EVERY
def test_what_cannot_be_meant_is_refused_in_one_line(attack, threat, x, y, words):
    if isinstance(attack, Clean) and words.startswith("labels up to"):
        return  # it asks the network nothing
    with pytest.raises((ValueError, TypeError), match=words) as refusal:
        attack(net(), x, y, threat)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("threat", [0.1, None, Linf, "linf"])
def test_a_threat_is_asked_for(threat):
    for call in (lambda: parse("pgd-2")(net(), X, Y, threat), lambda: measure(net(), data().test, "pgd-2", threat)):
        with pytest.raises(TypeError, match=r"threat=.*Linf\("):
            call()


@pytest.mark.parametrize("network", [None, nn.Linear, "net"])
def test_a_network_is_asked_for(network):
    with pytest.raises(TypeError, match="Give a function of images to logits"):
        parse("pgd-2")(network, X, Y, Linf(0.1))


def test_logits_that_are_not_finite_are_refused():
    with pytest.raises(FloatingPointError, match="not finite"):
        parse("square-5")(lambda x: net()(x) * torch.nan, X, Y, Linf(0.1))


@EVERY
def test_inference_mode_is_left_and_what_was_made_in_it_is_taken(attack, threat):
    with seeded(0):
        expected = attack(net(), X, Y, threat)
    with torch.inference_mode(), seeded(0):
        found = attack(NET, X.clone(), Y.clone(), threat)
    assert torch.equal(found, expected)
    assert not found.is_inference()


@EVERY
def test_images_of_whoever_asks_are_never_written_to(attack, threat):
    x = X.clone()
    with seeded(0):
        expected = attack(lambda images: NET(images.clamp(0.3, 0.7)), X, Y, threat)
    with seeded(0):
        assert torch.equal(attack(lambda images: NET(images.clamp_(0.3, 0.7)), x, Y, threat), expected)
    assert torch.equal(x, X)


def test_the_network_of_a_transferred_attack_is_behind_the_door_too():
    attack = FromAnother(lambda images: NET(images.clamp_(0.3, 0.7)), PGDAttack(3))
    with seeded(0):
        expected = PGDAttack(3)(lambda images: NET(images.clamp(0.3, 0.7)), X, Y, Linf(0.1))
    with seeded(0):
        assert torch.equal(attack(NET, X, Y, Linf(0.1)), expected)


def test_an_attack_without_a_gradient_to_climb_says_so():
    with pytest.raises(ValueError, match=r"cut off from the images.*square"):
        parse("apgd-ce-3")(lambda x: NET(x).detach(), X, Y, Linf(0.1))
    with pytest.raises(ValueError, match="cut off from the images"):
        parse("fab-t-3")(lambda x: NET(x).detach(), X, RIGHT, Linf(0.1))


def test_no_number_is_checked_twice_inside(monkeypatch):
    looks = []
    monkeypatch.setattr("robustdial.attack.door.check_images", lambda x: looks.append(len(x)))
    parse("pgd-2+apgd-t-3+square-5")(NET, X, Y, Linf(0.1))
    assert looks == [6]


# --- measure --------------------------------------------------------------------------------------------------------


class Mine:
    """An attack that somebody else has written, and that writes into nothing but what it is given."""

    name = "mine"

    def __call__(self, f, x, y, threat):
        assert f(x).dtype == torch.float32
        return (x - 0.05).clamp(0, 1)


def data():
    return from_tensors((X, Y), (X, Y))


def test_an_attack_is_named_or_written_by_anybody():
    source = data().test
    with seeded(0):
        named = measure(NET, source, "pgd-3", Linf(0.1))
    with seeded(0):
        assert named == measure(NET, source, PGDAttack(3), Linf(0.1))
    writing = lambda x: NET(x.clamp_(0.3, 0.7))  # noqa: E731
    assert measure(writing, source, Mine(), Linf(0.1)) == measure(
        lambda x: NET(x.clamp(0.3, 0.7)), source, Mine(), Linf(0.1)
    )


def test_measuring_leaves_inference_mode():
    source = data().test
    with seeded(0):
        expected = measure(NET, source, "pgd-3", Linf(0.1))
    with torch.inference_mode(), seeded(0):
        assert measure(NET, source, "pgd-3", Linf(0.1)) == expected


class Careless(Mine):
    """It leaves the network in training mode, as many loops do, and gradients in its weights."""

    def __init__(self, network):
        self.network = network

    def __call__(self, f, x, y, threat):
        x = x.clone().requires_grad_()
        nn.functional.cross_entropy(f(x), y).backward()
        self.network.train()
        return (x + 0.1 * x.grad.sign()).clamp(0, 1).detach()


def test_what_an_attack_leaves_in_the_network_does_not_count():
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(64, 5)).eval()
    before = network[1].running_mean.clone()
    found = measure(network, data().test, Careless(network), Linf(0.1), batch=2)
    assert found == measure(network, data().test, Careless(nn.ReLU()), Linf(0.1), batch=2)
    assert not network.training and not network[1].training and torch.equal(network[1].running_mean, before)
    assert all(weight.grad is None and weight.requires_grad for weight in network.parameters())


@pytest.mark.parametrize("gives", [lambda x: x[:1], lambda x: x.double(), lambda x: x.numpy(), lambda x: (x, x), id])
def test_what_an_attack_gives_is_looked_at(gives):
    class Odd(Mine):
        def __call__(self, f, x, y, threat):
            return gives(x)

    source = from_tensors((X, Y), (X, RIGHT)).test
    with pytest.raises(TypeError, match=r"mine gives .* Return one such tensor") as refused:
        measure(NET, source, Odd(), Linf(0.1))
    assert "\n" not in str(refused.value)


BEHIND = [lambda f: lambda x: f(x), lambda f: f.forward, lambda f: partial(f), lambda f: LogitsOf(lambda x: [f(x)], 0)]
ASK = [lambda f: measure(f, data().test, "pgd-1", Linf(0.1)), lambda f: clean_accuracy(f, data().test)]


@pytest.mark.parametrize("behind", BEHIND, ids=["lambda", "method", "partial", "LogitsOf"])
@pytest.mark.parametrize("ask", ASK, ids=["measure", "clean_accuracy"])
def test_training_mode_is_found_behind_a_function(behind, ask):
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Dropout(), nn.Flatten(), nn.Linear(64, 5))
    before = network[1].running_mean.clone()
    with pytest.raises(ValueError, match=r"behind the function is in training mode .*model\.eval\(\) first"):
        ask(behind(network))
    assert torch.equal(network[1].running_mean, before)
    network.eval()
    head = nn.Softmax(1)  # in training mode, which changes nothing
    ask(behind(network))
    ask(lambda x: head(network(x)).log())


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16])
def test_another_default_dtype_changes_no_count(dtype):
    with seeded(0):
        expected = measure(NET, data().test, "apgd-ce-3", Linf(0.1))
    source = data().test
    torch.set_default_dtype(dtype)
    try:
        with seeded(0):
            assert measure(NET, source, "apgd-ce-3", Linf(0.1)) == expected
    finally:
        torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (lambda: (NET, data(), "pgd-2", Linf(0.1)), r"such as data\.test"),
        (lambda: (NET, (X, Y), "pgd-2", Linf(0.1)), r"from_tensors\(\(x, y\), \(x, y\)\).test"),
        (lambda: (NET, data().test.subset(torch.arange(0)), "pgd-2", Linf(0.1)), "There are no images"),
        (lambda: (NET, data().test, "pgd", Linf(0.1)), "'pgd' is not an attack"),
        (lambda: (NET, data().test, PGDAttack, Linf(0.1)), r"the class PGDAttack is no attack"),
        (lambda: (NET, data().test, 20, Linf(0.1)), "attack=20 is no attack"),
        (lambda: (NET, data().test, data, Linf(0.1)), r"the function data is no attack.*f\.name = 'mine'"),
        (lambda: (data(), data().test, "pgd-2", Linf(0.1)), "The network is a Data. Give a function"),
        (lambda: (NET, data().test, "pgd-2", Linf(0.1), 0), "batch=0"),
    ],
)
def test_what_measure_cannot_take_is_named_with_the_usual_slip(arguments, words):
    with pytest.raises((ValueError, TypeError), match=words):
        measure(*arguments())


def test_clean_accuracy_wants_a_part_of_the_data():
    with pytest.raises(TypeError, match=r"such as data\.test"):
        clean_accuracy(NET, data())
