"""Several targets of one image in one batch: the verdicts of one after the other, in fewer and fuller batches."""

import pytest
import torch

from robustdial.attack import FAB, APGDTargeted
from robustdial.attack.best import Best
from robustdial.attack.multi_target import target_batches
from robustdial.method.threat import L2, Linf

pytestmark = pytest.mark.rounding


@pytest.mark.parametrize("threat", [Linf(0.07), L2(0.35)], ids=["linf", "l2"])
@pytest.mark.parametrize(
    ("attack", "differ"),
    [(lambda rows: FAB(10, 4, rows=rows), 0), (lambda rows: APGDTargeted(20, 4, rows), 1)],  # APGD's starts are random
    ids=["fab-t", "apgd-t"],
)
def test_verdicts_do_not_depend_on_the_rows(digits, threat, attack, differ):
    net, x, y = digits
    with torch.no_grad():
        alone, packed = (net(attack(rows)(net, x, y, threat)).argmax(1) == y for rows in (1, 10**4))
    assert (alone != packed).sum() <= differ
    assert 10 < alone.sum() < len(y) - 10


@pytest.mark.parametrize("attack", [FAB(20, 4), APGDTargeted(20, 4)], ids=["fab-t", "apgd-t"])
def test_an_image_that_fell_takes_its_siblings_along(digits, attack):
    net, x, y = digits
    rows = []

    def counted(images):
        rows.append(len(images))
        return net(images)

    adv = attack(counted, x[:20], y[:20], Linf(0.07))
    with torch.no_grad():
        standing = int((net(adv).argmax(1) == y[:20]).sum())
    assert 0 < standing < 20
    assert rows[1] == 80 and rows[-1] == 4 * standing


def test_of_many_images_one_target_is_attacked_at_a_time():
    best = Best.before(torch.zeros(10, 1))
    assert [len(part.image) for part in target_batches(best, torch.zeros(10, 3, dtype=torch.int64), rows=1)] == [
        10,
        10,
        10,
    ]


def test_of_tries_at_one_image_the_best_counts_and_a_fall_is_final():
    best = Best.before(torch.zeros(3, 2))
    z = torch.arange(10.0).view(5, 2)
    best.see(torch.tensor([0, 2, 0, 2, 0]), z, torch.tensor([1.0, torch.inf, 3.0, torch.inf, 3.0]))
    assert best.score.tolist() == [3.0, -torch.inf, torch.inf]
    assert best.z.tolist() == [[8.0, 9.0], [0.0, 0.0], [6.0, 7.0]]
    best.see(torch.tensor([2, 0, 1]), -z[:3], torch.tensor([torch.inf, 2.0, torch.nan]))
    assert best.z.tolist() == [[8.0, 9.0], [0.0, 0.0], [6.0, 7.0]]
    assert best.standing.tolist() == [0, 1]
