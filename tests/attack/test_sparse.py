"""Attacks in L0 against what the best change of one or two pixels is."""

from itertools import combinations, product

import pytest
import torch
from torch import nn

from robustdial.attack import SparsePGD, SparseRS, check_supports
from robustdial.data import Resident
from robustdial.evaluate import measure
from robustdial.method.threat import L0, Linf, Union
from robustdial.randomness import seeded

pytestmark = pytest.mark.rounding

ATTACKS = [SparsePGD(300), SparsePGD(300, "projected"), SparseRS(1500)]
EACH = pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)


class Against(nn.Module):
    """A network of two classes, whose answer turns where a score exceeds a bar."""

    def __init__(self, score, bar):
        super().__init__()
        self.score, self.bar = score, bar

    def forward(self, x):
        return torch.stack([self.bar.expand(len(x)), self.score(x)], dim=1)


def source(digits):
    return Resident(digits[1][:30], digits[2][:30])


def linear(seed):
    weights = torch.randn(3, 3, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return lambda x: (x * weights).sum((1, 2, 3)), weights


def bent(seed):
    generator = torch.Generator().manual_seed(seed)
    first, second = (torch.randn(*shape, generator=generator, dtype=torch.float64) for shape in ((27, 16), (16,)))
    return lambda x: (x.flatten(1) @ first).relu() @ second


def best_of_linear(x, weights, pixels):
    """The highest score that `pixels` changes can give: each of them gains what its corner gains."""
    gains = torch.maximum(weights * (1 - x), -weights * x).sum(1).flatten(1)
    return (x * weights).sum((1, 2, 3)) + gains.topk(pixels, dim=1).values.sum(1)


def best_of_corners(x, score, pixels):
    """The highest score over all places of `pixels` changes to corners of the cube of colours, for one image."""
    corners = torch.tensor(list(product((0.0, 1.0), repeat=3 * pixels)), dtype=x.dtype).view(-1, 3, pixels)
    best = -torch.inf
    for places in combinations(range(9), pixels):
        tried = x.flatten(2).repeat(len(corners), 1, 1)
        tried[:, :, list(places)] = corners
        best = max(best, float(score(tried.view(-1, 3, 3, 3)).max()))
    return best


@EACH
@pytest.mark.parametrize("pixels", [1, 2])
def test_the_best_change_of_a_linear_score_is_found(attack, pixels):
    """The bar lies just below what can be reached, and the answer turns; just above it, and it does not."""
    x = torch.rand(1, 3, 3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    score, weights = linear(0)
    best = best_of_linear(x, weights, pixels)
    assert best.item() == pytest.approx(best_of_corners(x, score, pixels))
    for bar, falls in ((best - 1e-6, True), (best + 1e-6, False)):
        with seeded(0):
            adv = attack(Against(score, bar), x, torch.tensor([0]), L0(pixels))
        assert bool(score(adv) > bar) is falls
        assert L0(pixels).distance(x, adv) <= pixels


@EACH
@pytest.mark.parametrize("pixels", [1, 2])
def test_most_of_what_corners_can_do_to_a_small_network_is_found(attack, pixels):
    """Score gained, as a share of what an exhaustive search over the corners gains."""
    shares = []
    for seed in range(6):
        score = bent(seed)
        x = torch.rand(1, 3, 3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
        best = best_of_corners(x, score, pixels)
        with seeded(seed):
            adv = attack(Against(score, torch.tensor(best + 0.1)), x, torch.tensor([0]), L0(pixels))
        shares.append(float((score(adv) - score(x)) / (best - score(x))))
    assert sorted(shares)[len(shares) // 2] >= 0.999
    assert min(shares) > 0.6


def test_gradients_and_queries_agree_on_a_trained_network(digits):
    net, x, y = digits
    with torch.no_grad():
        stands = [
            net(attack(net, x[:60], y[:60], L0(2))).argmax(1) == y[:60] for attack in (SparsePGD(60), SparseRS(400))
        ]
    assert 5 < stands[0].sum() < 55
    assert (stands[0] == stands[1]).float().mean() > 0.85


def test_all_pixels_are_not_too_many():
    score, _ = linear(0)
    x = torch.rand(2, 3, 3, 3, dtype=torch.float64)
    for attack in ATTACKS:
        adv = attack(Against(score, torch.tensor(20.0)), x, torch.zeros(2, dtype=torch.int64), L0(20))
        assert (score(adv) > score(x)).all()


def test_heights_that_show_the_same_pixels_are_drawn_anew():
    """Where no pixel tells anything, the first ones would be shown for ever."""
    x, y, shown = torch.full((1, 3, 3, 3), 0.5), torch.tensor([0]), {}
    for patience in (3, 1000):

        def flat(images, patience=patience):
            shown.setdefault(patience, set()).add(tuple((images != x).any(1).flatten().tolist()))
            return torch.stack([images.sum((1, 2, 3)) * 0 + 1, images.sum((1, 2, 3)) * 0], dim=1)

        with seeded(0):
            SparsePGD(40, patience=patience)(flat, x, y, L0(1))
    assert len(shown[1000]) == 2  # nothing, and one pixel
    assert len(shown[3]) > 5


def test_sparse_attacks_move_in_l0_alone():
    x = torch.rand(1, 3, 3, 3)
    for attack in ATTACKS:
        with pytest.raises(TypeError, match="moves in L0, not in Linf"):
            attack(lambda x: x.flatten(1)[:, :3], x, torch.tensor([0]), Linf(0.1))
        with pytest.raises(ValueError, match="moves in L0, not in Linf"):
            check_supports(attack, Union((L0(1), Linf(0.1))))


@pytest.mark.parametrize("name", ["pgd-3", "fgsm", "apgd-ce", "square", "fab-t", "deepfool", "autoattack", "saa+cw-2"])
def test_who_does_not_know_l0_is_refused(name, digits):
    with pytest.raises(ValueError, match=r"not in L0. Choose from saa, spgd, spgd-p, sparse-rs and worst-of-K"):
        measure(digits[0], source(digits), name, L0(2))


def test_what_is_measured_lies_in_the_set(digits):
    found = measure(digits[0], source(digits), "spgd-5+sparse-rs-20+worst-of-2", L0(2))
    assert found.robust.correct < found.clean.correct
