"""Accuracy on corrupted images."""

import pytest
import torch
from torch import nn

from robustdial.data import Resident, load
from robustdial.data.corruption import LEVELS, Brightness, Clean, corruptions
from robustdial.evaluate import Accuracy, Corrupted, clean_accuracy, corrupted, mean_accuracy


@pytest.fixture(scope="module")
def source():
    return load("digits").test.subset(torch.arange(60))


def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 10)).eval()


def test_every_published_kind_and_level_is_measured_on_every_image(source):
    found = list(corrupted(net(), source))
    assert [each[:2] for each in found] == [(kind, level) for kind in corruptions((1, 8, 8)) for level in LEVELS]
    assert {each.accuracy.n for each in found} == {60}
    assert 0 <= mean_accuracy(found) <= 1


def test_level_0_is_clean_accuracy_and_the_worst_is_another(source):
    def dark(x):
        return torch.stack([x.mean((1, 2, 3)), 0.45 + 0 * x.mean((1, 2, 3))], dim=1)

    kinds = {"brightness": (Clean(), *(Brightness(0.2 * level) for level in LEVELS))}
    source = Resident(torch.rand(60, 1, 4, 4) * 0.8, torch.ones(60, dtype=torch.int64))
    untouched, worst = corrupted(dark, source, kinds, (0, 5))
    assert untouched.accuracy == clean_accuracy(dark, source) != worst.accuracy == Accuracy(0, 60)


def test_networks_see_the_same_images_and_the_generator_is_left_alone(source):
    seen, few = [], source.subset(torch.arange(5))
    before = torch.get_rng_state()
    for _ in range(2):
        list(corrupted(lambda x: seen.append(x) or torch.eye(10)[: len(x)], few, levels=(3,)))
    half = len(seen) // 2
    assert all(torch.equal(a, b) for a, b in zip(seen[:half], seen[half:], strict=True))
    assert torch.equal(before, torch.get_rng_state())


def test_results_come_one_at_a_time(source):
    calls = []
    results = corrupted(lambda x: calls.append(1) or torch.zeros(len(x), 10), source)
    next(results)
    assert calls == [1]


def test_extra_kinds_stand_in_no_mean_and_every_kind_counts_alike():
    found = [
        Corrupted("fog", 1, Accuracy(10, 10)),
        Corrupted("fog", 5, Accuracy(0, 10)),
        Corrupted("snow", 1, Accuracy(1, 10)),
        Corrupted("speckle_noise", 1, Accuracy(10, 10)),
    ]
    assert mean_accuracy(found) == pytest.approx(0.3)


def test_wrong_input_is_named(source):
    with pytest.raises(ValueError, match="There is no level 6"):
        list(corrupted(net(), source, levels=(6,)))
    with pytest.raises(ValueError, match=r"Call model\.eval\(\) first"):
        list(corrupted(net().train(), source))
    with pytest.raises(ValueError, match="There is no result"):
        mean_accuracy([Corrupted("saturate", 1, Accuracy(1, 2))])
