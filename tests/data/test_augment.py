"""Crops and flips."""

from __future__ import annotations

import pytest
import torch

from robustdial.data import Crop, CropFlip, flip, none

DEVICES = pytest.mark.parametrize("device", ["cpu", *(["cuda"] if torch.cuda.is_available() else [])])
TYPES = pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])


def images(number: int, dtype: torch.dtype) -> torch.Tensor:
    """Without zeros, so that padding can be told from pixels."""
    return torch.randint(1, 256, (number, 3, 7, 9)).to(dtype)


@DEVICES
@TYPES
def test_crop_equals_padding_and_cutting_one_by_one(dtype, device):
    x, pad = images(20, dtype).to(device), 2
    torch.manual_seed(3)
    got = Crop(pad)(x)
    torch.manual_seed(3)
    down, right = torch.randint(0, 2 * pad + 1, (2, len(x)), device=device)
    for image, out, i, j in zip(x, got, down.tolist(), right.tolist(), strict=True):
        padded = torch.zeros(3, 7 + 2 * pad, 9 + 2 * pad, dtype=dtype, device=device)
        padded[:, pad:-pad, pad:-pad] = image
        assert torch.equal(out, padded[:, i : i + 7, j : j + 9])
    assert got.dtype == dtype


def test_crop_takes_every_shift():
    x = torch.zeros(500, 1, 5, 5)
    x[:, :, 2, 2] = 1
    landed = Crop(1)(x).sum((0, 1))
    assert (landed[1:4, 1:4] > 20).all()  # 56 expected
    assert landed.sum() == landed[1:4, 1:4].sum() == 500


def test_crop_by_nothing_changes_nothing():
    x = images(5, torch.uint8)
    assert torch.equal(Crop(0)(x), x)


@TYPES
def test_flip_mirrors_about_half_of_the_images(dtype):
    x = images(400, dtype)
    out = flip(x)
    mirrored = (out == x.flip(3)).flatten(1).all(1)
    kept = (out == x).flatten(1).all(1)
    assert (mirrored ^ kept).all()
    assert 150 < mirrored.sum() < 250


@pytest.mark.parametrize("augment", [Crop(2), flip, CropFlip(2)])
def test_randomness_follows_the_global_seed(augment):
    x = images(30, torch.uint8)
    torch.manual_seed(1)
    one = augment(x)
    torch.manual_seed(1)
    assert torch.equal(augment(x), one)
    assert not torch.equal(augment(x), one)


def test_crop_flip_is_crop_then_flip():
    x = images(30, torch.uint8)
    torch.manual_seed(1)
    expected = flip(Crop(2)(x))
    torch.manual_seed(1)
    assert torch.equal(CropFlip(2)(x), expected)


def test_the_images_themselves_are_left_alone():
    x = images(10, torch.uint8)
    before = x.clone()
    CropFlip(2)(x)
    assert torch.equal(x, before)
    assert none(x) is x
