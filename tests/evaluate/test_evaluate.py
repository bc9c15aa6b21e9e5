"""Measuring: closed forms, counting, intervals."""

import pytest
import torch
from torch import nn

from robustdial.attack import Cascade, PGDAttack, check_supports, parse
from robustdial.data import Resident, from_tensors
from robustdial.dial import dial
from robustdial.evaluate import UNBROKEN, Accuracy, Survivors, clean_accuracy, in_all, measure, measure_each
from robustdial.method.threat import L2, Linf, Union
from robustdial.models import build

WEIGHT = torch.tensor([1.0, -2.0, 0.5, 0.0])


def linear(x):
    """Two classes, the sign of a linear form of the four pixels."""
    score = (x.flatten(1) - 0.5) @ WEIGHT
    return torch.stack([score, -score], dim=1)


def points(n=400):
    """Images away from the borders of the cube, and the classes that `linear` gives them."""
    x = torch.rand(n, 1, 2, 2) * 0.4 + 0.3
    return x, linear(x).argmax(1)


@pytest.mark.filterwarnings("ignore:.torch.jit:FutureWarning")
def test_a_program_without_modes_is_measured_or_answered_with_how():
    x, y = points(24)
    net = nn.Sequential(nn.Flatten(), nn.Linear(4, 2)).eval()
    data = Resident(x, y)
    frozen, exported = torch.jit.freeze(torch.jit.trace(net, x)), torch.export.export(net, (x,)).module()
    assert measure(frozen, data, PGDAttack(2), Linf(0.05)).clean == measure(net, data, PGDAttack(2), Linf(0.05)).clean
    with pytest.raises(ValueError, match=r"torch.export has no modes: give lambda x: program\(x\)"):
        clean_accuracy(exported, data)
    assert clean_accuracy(lambda images: exported(images), data) == clean_accuracy(net, data)


@pytest.mark.parametrize(
    ("threat", "dual"), [(Linf(0.05), WEIGHT.abs().sum()), (L2(0.08), WEIGHT.norm())], ids=["linf", "l2"]
)
def test_robust_accuracy_of_a_linear_model_is_its_margin(threat, dual):
    x, y = points()
    margin = ((x.flatten(1) - 0.5) @ WEIGHT).abs()
    expected = int((margin > threat.radius * dual).sum())
    data = from_tensors((x, y), (x, y))
    clean, robust = measure(linear, data.test, PGDAttack(20), threat)
    assert clean == Accuracy(400, 400)
    assert abs(robust.correct - expected) <= 1
    assert 50 < robust.correct < 350


@pytest.mark.parametrize("threat", [Linf(0.1), L2(0.3)])
def test_adversarial_images_are_in_the_set_and_worse(threat):
    net = build("cnn", classes=4, shape=(1, 8, 8), mean=[0.5], std=[0.5], width=4).eval()
    x, y = torch.rand(16, 1, 8, 8), torch.randint(0, 4, (16,))
    adv = PGDAttack(10)(net, x, y, threat)
    z = adv - x
    size = z.flatten(1).abs().amax(1) if isinstance(threat, Linf) else z.flatten(1).norm(dim=1)
    assert (size <= threat.radius + 1e-6).all()
    assert adv.min() >= 0
    assert adv.max() <= 1
    loss = nn.functional.cross_entropy
    assert loss(net(adv), y) > loss(net(x), y)
    assert not adv.requires_grad


def test_robust_accuracy_falls_with_the_radius():
    x, y = points()
    data = from_tensors((x, y), (x, y))
    falling = [measure(linear, data.test, PGDAttack(5), Linf(eps)).robust.correct for eps in (0.001, 0.02, 0.05, 0.5)]
    assert falling == sorted(falling, reverse=True)
    assert falling[-1] == 0


def test_a_network_that_clamps_its_images_is_measured_as_without_that():
    """Every pixel lies on a bound, where the gradient of a clamp is 0."""
    x = torch.rand(200, 1, 2, 2, generator=torch.Generator().manual_seed(0)).round()
    y = linear(x).argmax(1)
    source, attack = Resident(x, y), PGDAttack(5, noise=0.0)
    plain, clamped = (measure(f, source, attack, Linf(0.4))[1] for f in (linear, lambda x: linear(x.clamp(0, 1))))
    assert clamped == plain
    assert plain.correct < 200


def test_an_attacked_module_is_left_as_it_was():
    net = build("cnn", classes=4, shape=(1, 8, 8), mean=[0.5], std=[0.5], width=4).train()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    PGDAttack(2)(net, torch.rand(4, 1, 8, 8), torch.zeros(4, dtype=torch.int64), Linf(0.1))
    assert all(module.training for module in net.modules())
    assert all(weight.requires_grad and weight.grad is None for weight in net.parameters())
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())


def test_a_wrong_answer_is_never_robust():
    x, y = points(20)
    data = from_tensors((x, 1 - y), (x, 1 - y))
    assert measure(linear, data.test, PGDAttack(1), Linf(1e-4)).robust.correct == 0


@pytest.mark.parametrize(
    ("correct", "n", "low", "high"),
    [(0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (5, 10, 0.2366, 0.7634), (900, 1000, 0.8799, 0.9171)],
)
def test_wilson_interval(correct, n, low, high):
    assert Accuracy(correct, n).interval == pytest.approx((low, high), abs=1e-4)


def test_a_network_in_training_mode_is_refused():
    x, y = points(20)
    net = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(4), nn.Linear(4, 2))
    with pytest.raises(ValueError, match="training mode"):
        measure(net, from_tensors((x, y), (x, y)).test, PGDAttack(1), Linf(0.1))


@pytest.mark.parametrize(
    ("f", "words"),
    [(lambda x: x.sum((1, 2, 3)), r"\[images, classes\]"), (lambda x: linear(x) * float("nan"), "not finite")],
)
def test_answers_that_are_no_logits_are_refused(f, words):
    x, y = points(20)
    with pytest.raises((ValueError, FloatingPointError), match=words):
        clean_accuracy(f, from_tensors((x, y), (x, y)).test)


@pytest.mark.parametrize("name", ["pgd", "pgd-0", "pgd-x", "apgd-100", ""])
def test_an_unknown_attack_is_named(name):
    with pytest.raises(ValueError, match="is not an attack"):
        parse(name)


@pytest.mark.parametrize("steps", [0, -1])
def test_an_attack_needs_steps(steps):
    with pytest.raises(ValueError, match=r"at least one step|out of range"):
        PGDAttack(steps)


def test_served_networks_are_measured_like_any_other():
    model = dial(build("cnn", classes=2, shape=(1, 8, 8), mean=[0.5], std=[0.5], width=4)).eval()
    x = torch.rand(40, 1, 8, 8)
    data = from_tensors((x, torch.arange(40) % 2), (x, torch.arange(40) % 2))
    at, baked = (measure(f, data.test, PGDAttack(3, noise=0.0), Linf(0.05)) for f in (model.at(0.3), model.bake(0.3)))
    assert at == baked


UNION = Union((Linf(0.05), L2(0.08)))
DUALS = (WEIGHT.abs().sum(), WEIGHT.norm())


def bent(x):
    """Images with a white first pixel are told by the sum of the others, those with a black one by the second alone."""
    others = x.flatten(1)[:, 1:] - 0.5
    score = torch.where(x[:, 0, 0, 0] > 0.5, others.sum(1), others[:, 0])
    return torch.stack([score, -score], dim=1)


def test_each_norm_has_its_own_accuracy_and_the_union_is_their_intersection():
    x, y = points()
    margin = ((x.flatten(1) - 0.5) @ WEIGHT).abs()
    stands = [margin > ball.radius * dual for ball, dual in zip(UNION.balls, DUALS, strict=True)]
    found = measure_each(linear, from_tensors((x, y), (x, y)).test, "pgd-20", UNION)
    assert found.clean.correct == 400
    for accuracy, expected in zip(found.each, stands, strict=True):
        assert abs(accuracy.correct - int(expected.sum())) <= 1
    assert abs(found.union.correct - int((stands[0] & stands[1]).sum())) <= 1
    assert found.average == pytest.approx(sum(one.value for one in found.each) / 2)


@pytest.mark.parametrize("order", [1, -1])
def test_an_image_that_stands_under_one_norm_only_is_not_robust(order):
    x = torch.full((3, 1, 4, 4), 0.5)
    x[:, 0, 0, 0] = torch.tensor([1.0, 0.0, 0.0])
    x[0, 0, 0, 1], x[1, 0, 0, 1], x[2, 0, 0, 1] = 1.0, 0.58, 0.7  # falls in Linf alone, in L2 alone, in neither
    source, union = Resident(x, torch.zeros(3, dtype=torch.int64)), Union((Linf(0.06), L2(0.1))[::order])
    each, both = measure_each(bent, source, "pgd-20", union), measure(bent, source, PGDAttack(20), union)
    assert [accuracy.correct for accuracy in each.each] == [2, 2]
    assert each.union.correct == 1
    assert both == (each.clean, each.union)


def test_what_one_norm_broke_is_not_attacked_in_the_next():
    tried = []

    class Counting(PGDAttack):
        def __call__(self, f, x, y, threat):
            tried.append((threat.name, len(x)))
            return super().__call__(f, x, y, threat)

    x, y = points()
    measure(linear, from_tensors((x, y), (x, y)).test, Counting(20), UNION, batch=400)
    first, second = dict(tried)["Linf"], dict(tried)["L2"]
    assert first == 400
    assert 0 < second < 400


def test_an_attack_that_leaves_one_of_the_balls_is_caught():
    class Far(PGDAttack):
        def __call__(self, f, x, y, threat):
            return (x + 0.06).clamp(0, 1) if threat.name == "L2" else x

    x, y = points()
    with pytest.raises(ValueError, match=r"moves an image by 0\.12"):
        measure(linear, from_tensors((x, y), (x, y)).test, Far(1), UNION)


def test_the_first_ball_under_which_an_image_falls_has_broken_it():
    rows = [[-1, -1, 0, 1, 2], [-1, 1, 0, -1, 1]]  # under each ball, by a clean stage and two attacks
    found = [Survivors(torch.tensor(row).short(), torch.full((5,), 3).short(), *_lead_and_seconds(row)) for row in rows]
    together = in_all(found)
    assert together.broken_by.tolist() == [UNBROKEN, 2, 0, 1, 1]
    assert together.lead.tolist() == [-1.0, -1.0, 0.0, -1.0, 1.0]
    assert together.seconds.tolist() == [2.0, 5.0, 5.0]
    assert together.finished


def _lead_and_seconds(row):
    return torch.tensor(row).float(), torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)


def test_an_attack_must_move_in_every_ball():
    check_supports(parse("apgd-ce"), UNION)

    class OnlyLinf(PGDAttack):
        where = "Linf"

        def moves_in(self, threat):
            return threat.name == "Linf"

    with pytest.raises(ValueError, match="moves in Linf, not in L2"):
        check_supports(Cascade((OnlyLinf(),), "one"), UNION)
