"""Small inputs that once went wrong, from the folder of shared cases."""

from __future__ import annotations

import runpy

import pytest
import torch

from robustdial.data import load


@pytest.fixture
def case(shared, datasets, tmp_path):
    """`case(name)` writes a case; the folder."""
    if not (shared / "cases" / "inputs.py").is_file():
        pytest.skip("no cases in ../shared")
    written = runpy.run_path(str(shared / "cases" / "inputs.py"))

    def write(name: str) -> str:
        datasets.disable_progress_bars()
        written[name](tmp_path / name)
        datasets.enable_progress_bars()
        return str(tmp_path / name)

    return write


@pytest.mark.parametrize(
    ("name", "kind", "classes", "sizes"),
    [
        ("split_names", "folder", "ab", (18, 2, 20)),
        ("hidden_folder", "folder", "ab", (14, 2, 4)),
        ("gifs", "folder", "ab", (22, 2, 6)),
        ("third_split", "folder", "ab", (16, 20, 4)),
        ("renamed_class", "folder", ("cat", "dog", "owl"), (54, 6, 60)),
        ("text_labels", "parquet", ("cat", "dog"), (43, 5, 12)),
        ("names_in_another_order", "parquet", ("cat", "dog"), (18, 2, 20)),
        ("numbered_classes", "folder", tuple(map(str, range(12))), (108, 12, 120)),
    ],
)
def test_classes_and_parts(case, name, kind, classes, sizes):
    data = load(f"{kind}:{case(name)}")
    assert data.classes == tuple(classes)
    assert (len(data.train), len(data.val), len(data.test)) == sizes


def test_dogs_are_dogs_in_both_files(case):
    data = load(f"parquet:{case('names_in_another_order')}")
    assert data.test.labels.tolist() == [1] * 10 + [0] * 10


def test_folder_k_holds_grey_level_20_k(case):
    data = load(f"folder:{case('numbered_classes')}")
    x, y = next(data.test.batches([torch.arange(len(data.test))]))
    assert torch.equal(x[:, 0, 0, 0], 20 * y)


def test_it_is_bright_on_top(case):
    x, _ = next(load(f"folder:{case('turned_by_exif')}").train.batches([torch.arange(4)]))
    assert x[:, :, :3].float().mean() > 200
    assert x[:, :, 6:].float().mean() < 20


def test_the_shape_can_be_seen(case):
    data = load(f"folder:{case('transparent')}")
    x, y = next(data.train.batches([torch.arange(len(data.train))]))
    for image, k in zip(x, y.tolist(), strict=True):
        assert (image[:, 4 * k : 4 * k + 6, 4:12] == 0).all()
        assert (image == 255).float().mean() == 1 - 6 * 8 / 256


def test_the_strip_is_named(case):
    with pytest.raises(ValueError, match=r"strip.png is 64 x 1 pixels"):
        load(f"folder:{case('one_thin_strip')}")
