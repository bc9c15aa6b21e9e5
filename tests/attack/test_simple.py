"""FGSM, PGD with restarts and DeepFool where the answer is known."""

import pytest
import torch

from robustdial.attack import FGSM, DeepFool, PGDAttack, margin
from robustdial.method.threat import L2, Linf

pytestmark = pytest.mark.rounding

NORMS = pytest.mark.parametrize(("ball", "dual"), [(Linf, 1), (L2, 2)], ids=["linf", "l2"])


def linear(classes, seed=7):
    """A linear network for images of 2 x 3 x 3, its weights, images far from 0 and 1, and the classes it gives them."""
    generator = torch.Generator().manual_seed(seed)
    w = torch.randn(classes, 18, generator=generator)
    x = 0.5 + 0.05 * torch.randn(60, 2, 3, 3, generator=generator)

    def f(images):
        return (images - 0.5).flatten(1) @ w.T

    return f, w, x, f(x).argmax(1)


def distances(f, w, x, y, dual):
    """To the border of each class `[B, K]`: |w'x + b| over the dual norm of the difference of weights."""
    logits = f(x)
    away = (logits.gather(1, y[:, None]) - logits) / (w[y][:, None] - w[None]).norm(dual, dim=2)
    return away.scatter(1, y[:, None], torch.inf)


# --- FGSM ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("threat", [Linf(0.1), L2(0.5)], ids=["linf", "l2"])
@pytest.mark.parametrize("loss", [None, margin], ids=["ce", "margin"])
def test_fgsm_is_one_step_of_pgd_without_a_random_start(digits, threat, loss):
    net, x, y = digits
    given = {"loss": loss} if loss else {}
    one_step = PGDAttack(steps=1, step=1.0, noise=0.0, **given)
    assert torch.equal(FGSM(**given)(net, x, y, threat), one_step(net, x, y, threat))


@NORMS
def test_fgsm_is_optimal_on_a_linear_network_of_two_classes(ball, dual):
    f, w, x, y = linear(2)
    away = distances(f, w, x, y, dual).amin(1)
    radius = float(away.median())
    right = f(FGSM()(f, x, y, ball(radius))).argmax(1) == y
    clear = (away / radius - 1).abs() > 1e-4  # float32
    assert torch.equal(right[clear], (away > radius)[clear])
    assert 20 < right.sum() < 40


# --- PGD with restarts --------------------------------------------------------------------------------------------


def test_one_start_is_the_attack_as_it_always_was(digits):
    """Four lines from the paper."""
    net, x, y = digits
    torch.manual_seed(5)
    found = PGDAttack(3)(net, x, y, Linf(0.1))
    torch.manual_seed(5)
    adv = (x + torch.clamp(torch.empty_like(x).uniform_(-1, 1) * 0.1, -x, 1 - x)).requires_grad_()
    for _ in range(3):
        (gradient,) = torch.autograd.grad(torch.nn.functional.cross_entropy(net(adv), y, reduction="sum"), adv)
        z = torch.clamp(adv.detach() + 0.025 * gradient.sign() - x, -0.1, 0.1)
        adv = torch.clamp(x + z, 0, 1).requires_grad_()
    torch.testing.assert_close(found, adv.detach(), atol=1e-6, rtol=0)


def test_of_several_starts_the_largest_loss_counts(digits):
    net, x, y = digits
    threat = Linf(0.02)
    torch.manual_seed(5)
    with torch.no_grad():
        many = margin(net(PGDAttack(2, loss=margin, restarts=4)(net, x, y, threat)), y)
        torch.manual_seed(5)
        first = margin(net(PGDAttack(2, loss=margin)(net, x, y, threat)), y)
    stood = first <= 0
    assert (many[stood] >= first[stood]).all() and (many[stood] > first[stood]).any()
    assert torch.equal(many[~stood], first[~stood])


def test_what_has_fallen_is_left_alone(digits):
    net, x, y = digits
    rows = []

    def counted(images):
        rows.append(len(images))
        return net(images)

    PGDAttack(2, restarts=3)(counted, x, y, Linf(0.15))
    starts = rows[::3]  # two steps and a look at the end
    assert len(rows) == 9 and starts[0] == len(x) and starts == sorted(starts, reverse=True) and starts[2] < len(x)


# --- DeepFool -----------------------------------------------------------------------------------------------------


@NORMS
@pytest.mark.parametrize("classes", [2, 5, 12])
def test_deepfool_goes_to_the_nearest_plane_and_two_percent_further(ball, dual, classes):
    f, w, x, y = linear(classes)
    away = distances(f, w, x, y, dual)
    z = DeepFool(candidates=classes).shortest(f, x, y, ball(1.0))
    size = z.flatten(1).abs().amax(1) if dual == 1 else z.flatten(1).norm(dim=1)
    torch.testing.assert_close(size, 1.02 * away.amin(1), rtol=1e-4, atol=0)
    assert torch.equal(f(x + z).argmax(1), away.argmin(1))


@NORMS
def test_deepfool_counts_inside_the_set_only(ball, dual):
    f, w, x, y = linear(5)
    away = 1.02 * distances(f, w, x, y, dual).amin(1)
    radius = float(away.median())
    adv = DeepFool()(f, x, y, ball(radius))
    fell = f(adv).argmax(1) != y
    clear = (away / radius - 1).abs() > 1e-4
    assert torch.equal(fell[clear], (away < radius)[clear])
    assert torch.equal(adv[~fell], x[~fell])
    assert 20 < fell.sum() < 40


def test_deepfool_looks_at_its_candidates_alone():
    f, _, x, y = linear(5)
    towards = f(x + DeepFool(candidates=2).shortest(f, x, y, L2(1.0))).argmax(1)
    assert torch.equal(towards, f(x).topk(2).indices[:, 1])


@pytest.mark.parametrize("ball", [Linf, L2], ids=["linf", "l2"])
def test_deepfool_crosses_the_borders_of_a_curved_network(digits, ball):
    net, x, y = digits
    with torch.no_grad():
        first = net(x + DeepFool(steps=1).shortest(net, x, y, ball(1.0))).argmax(1) == y
        last = net(x + DeepFool().shortest(net, x, y, ball(1.0))).argmax(1) == y
    assert first.sum() > len(y) / 4
    assert not last.any()


def test_deepfool_stays_where_there_is_no_gradient():
    x, y = torch.rand(3, 1, 2, 2), torch.zeros(3, dtype=torch.int64)
    flat = lambda images: 0 * images.flatten(1) + torch.tensor([1.0, 0, 0, 0])  # noqa: E731
    for threat in (Linf(0.1), L2(0.1)):
        assert torch.equal(DeepFool()(flat, x, y, threat), x)
