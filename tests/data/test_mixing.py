"""Mixed images and labels are those of torchvision, whatever the number of processes."""

import pytest
import torch
from torchvision.transforms import v2

from robustdial.data import Batch, Feed, Mixing, load
from robustdial.distributed import Alone, Shard


def whole(n=6):
    torch.manual_seed(0)
    return Batch(torch.rand(n, 3, 8, 8), torch.tensor([2, 0, 1, 1, 0, 2][:n]))


class Dealt(Alone):
    """Process `rank` of two, which has asked the other for its rows."""

    def __init__(self, x, y, rank):
        self.kept = {4: x, 1: y}
        self.number = rank

    def before(self, rows):
        return self.kept[rows.dim()].roll(1, 0)[self.number :: 2]


@pytest.mark.parametrize(
    ("mixing", "kinds"),
    [
        (Mixing(mixup=0.4), [v2.MixUp(alpha=0.4, num_classes=3)]),
        (Mixing(cutmix=1.0), [v2.CutMix(alpha=1.0, num_classes=3)]),
        (Mixing(0.4, 1.0), [v2.MixUp(alpha=0.4, num_classes=3), v2.CutMix(alpha=1.0, num_classes=3)]),
    ],
)
def test_a_batch_is_mixed_as_torchvision_mixes_it(mixing, kinds):
    batch = whole()
    for seed in range(8):
        torch.manual_seed(seed)
        x, y = v2.RandomChoice(kinds)(batch.x, batch.y)
        torch.manual_seed(seed)
        mixed = mixing(batch, 3)
        assert torch.equal(mixed.x, x)
        torch.testing.assert_close(mixed.y, y)


@pytest.mark.parametrize("rank", [0, 1])
def test_each_process_has_its_rows_of_the_whole_batch(rank):
    batch = whole()
    torch.manual_seed(1)
    expected, after = Mixing(0.4, 1.0)(batch, 3), torch.get_rng_state()
    torch.manual_seed(1)
    own = slice(rank, None, 2)
    part = Batch(batch.x[own], batch.y[own], shard=Shard(6, rank, 2), all_pseudo_labelled=batch.by_teacher)
    mixed = Mixing(0.4, 1.0)(part, 3, Dealt(batch.x, batch.y, rank))
    assert torch.equal(mixed.x, expected.x[own])
    assert torch.equal(mixed.y, expected.y[own])
    assert torch.equal(after, torch.get_rng_state())


@pytest.mark.parametrize("seed", range(6))
def test_whether_a_teacher_gave_a_label_goes_with_the_larger_share(seed):
    x, y = torch.rand(6, 1, 4, 4), torch.tensor([0, 1, 0, 1, 0, 1])
    batch = Batch(x, y, pseudo_labelled=y == 1)
    torch.manual_seed(seed)
    mixed = Mixing(mixup=1.0)(batch, 2)
    assert torch.equal(mixed.by_teacher, mixed.y.argmax(1) == 1)
    assert torch.equal(mixed.all_by_teacher, mixed.by_teacher)


def test_a_feed_mixes_after_it_has_augmented():
    data = load("digits", limit=100)
    feed = Feed(data, mixing=Mixing(mixup=1.0))
    torch.manual_seed(0)
    (batch,) = feed.batches(feed.order(40, 0, 0)[:1])
    plain = Feed(data)
    (images,) = plain.batches(plain.order(40, 0, 0)[:1])
    share = batch.y[batch.y > 0].amin()
    near = [share * images.x + (1 - share) * images.x.roll(1, 0), (1 - share) * images.x + share * images.x.roll(1, 0)]
    assert any(torch.allclose(batch.x, x, atol=1e-6) for x in near)
    assert batch.y.shape == (40, 10)


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"mixup": -1.0}, "mixup=-1.0 is negative"),
        ({"cutmix": float("inf")}, "cutmix=inf is not finite"),
        ({"mixup": 1e-9}, "mixup=1e-09 draws no share"),
        ({}, "mix nothing"),
    ],
)
def test_what_mixes_nothing_is_refused(given, line):
    with pytest.raises(ValueError, match=line):
        Mixing(**given)


@pytest.mark.parametrize("y", [torch.tensor([[0.5, 0.6]]), torch.tensor([[1.5, -0.5]])])
def test_labels_that_are_no_probabilities(y):
    with pytest.raises(ValueError, match="no probabilities"):
        Batch(torch.rand(1, 1, 4, 4), y)
