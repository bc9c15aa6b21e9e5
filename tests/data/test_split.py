"""Which images are chosen."""

from __future__ import annotations

import pytest
import torch

from robustdial.data import from_tensors
from robustdial.data.split import balanced, stratified


def labels_of(*counts: int) -> torch.Tensor:
    labels = torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))
    return labels[torch.randperm(len(labels))]


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(
    ("counts", "number", "expected"),
    [
        ((50, 50, 50), 30, [10, 10, 10]),
        ((50, 50, 50), 31, [10, 10, 11]),
        ((4, 50, 50), 30, [4, 13, 13]),
        ((4, 2, 50), 30, [4, 2, 24]),
        ((4, 2, 5), 30, [4, 2, 5]),
    ],
)
def test_a_balanced_draw_is_as_equal_as_the_classes_allow(counts, number, expected):
    labels = labels_of(*counts)
    drawn = balanced(labels, number, generator())
    assert len(drawn.unique()) == len(drawn)
    assert labels[drawn].bincount().tolist() == expected


@pytest.mark.parametrize(
    ("counts", "number", "expected"),
    [
        ((50, 30, 20), 10, [5, 3, 2]),
        ((33, 33, 34), 10, [3, 3, 4]),
        ((97, 1, 2), 50, [49, 0, 1]),  # the class of one image keeps it
        ((2, 2), 4, [1, 1]),
    ],
)
def test_a_stratified_draw_is_proportional_and_empties_no_class(counts, number, expected):
    labels = labels_of(*counts)
    rest, held = stratified(labels, number, generator())
    assert labels[held].bincount(minlength=len(counts)).tolist() == expected
    assert torch.equal(torch.cat([rest, held]).sort().values, torch.arange(len(labels)))


def test_every_image_can_be_drawn():
    labels = labels_of(5, 5)
    drawn = torch.cat([balanced(labels, 2, generator(seed)) for seed in range(100)])
    counts = drawn.bincount(minlength=10)
    assert counts.min() > 5  # 20 expected


def test_validation_is_at_most_5000_images():
    x, y = torch.zeros(60_000, 1, 1, 1, dtype=torch.uint8), torch.arange(60_000) % 2
    data = from_tensors((x, y), (x[:2], y[:2]), val=0.5)
    assert (len(data.val), len(data.train)) == (5000, 55_000)


def test_a_small_set_still_has_a_validation_image():
    x, y = torch.zeros(4, 1, 1, 1, dtype=torch.uint8), torch.tensor([0, 0, 1, 1])
    assert len(from_tensors((x, y), (x, y), val=0.1).val) == 1


def test_a_constant_channel_has_a_std_that_divides():
    x, y = torch.zeros(4, 1, 1, 1, dtype=torch.uint8), torch.tensor([0, 0, 1, 1])
    assert from_tensors((x, y), (x, y)).std[0] > 0
