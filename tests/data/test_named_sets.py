"""The sets of torchvision, from files as it stores them."""

from __future__ import annotations

import struct

import numpy as np
import pytest
import torch

from robustdial.data import load, names
from robustdial.data.named import SETS


@pytest.fixture
def mnist(tmp_path):
    """A tiny MNIST in idx files under `tmp_path`."""
    folder = tmp_path / "MNIST" / "raw"
    folder.mkdir(parents=True)
    for part, number in (("train", 40), ("t10k", 20)):
        pixels = np.random.default_rng(number).integers(0, 256, (number, 28, 28), dtype=np.uint8)
        labels = (np.arange(number) % 10).astype(np.uint8)
        head = struct.pack(">iiii", 2051, number, 28, 28)
        (folder / f"{part}-images-idx3-ubyte").write_bytes(head + pixels.tobytes())
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(struct.pack(">ii", 2049, number) + labels.tobytes())
    return tmp_path


def test_files_on_disk_need_no_download(mnist):
    data = load("mnist", root=mnist)
    assert (len(data.train), len(data.val), len(data.test)) == (36, 4, 20)
    assert (data.shape, data.mean, data.std) == ((1, 28, 28), (0.1307,), (0.3081,))
    x, _ = next(data.test.batches([torch.arange(20)]))
    assert np.array_equal(x[:, 0], np.random.default_rng(20).integers(0, 256, (20, 28, 28), dtype=np.uint8))


def test_a_named_set_can_be_resized(mnist):
    assert load("mnist", root=mnist, size=32).shape == (1, 32, 32)


def test_a_failed_download_names_the_remedies(tmp_path, monkeypatch):
    from torchvision.datasets import mnist as module

    def offline(*args, **kwargs):
        raise RuntimeError("no route\nto host")

    monkeypatch.setattr(module, "download_and_extract_archive", offline)
    with pytest.raises(ConnectionError, match=r"Be online, put .* under .*, or use parquet:PATH") as error:
        load("mnist", root=tmp_path / "data")
    assert "\n" not in str(error.value)
    assert not list(tmp_path.iterdir())


def test_a_truncated_file_is_not_taken_for_a_set(mnist):
    file = mnist / "MNIST" / "raw" / "train-images-idx3-ubyte"
    file.write_bytes(file.read_bytes()[:5000])
    with pytest.raises(ConnectionError, match=r"mnist can neither be read from .* \(in place of damaged ones\)"):
        load("mnist", root=mnist)


class Part:
    """As torchvision gives a set: 20 images in the layout of the set, labels under its name for them."""

    def __init__(self, layout: tuple[int, ...], labels: str) -> None:
        self.data = np.random.default_rng(0).integers(0, 256, (20, *layout), dtype=np.uint8)
        self.classes = [f"class {k}" for k in range(10)]
        setattr(self, labels, list(range(10)) * 2)


@pytest.mark.parametrize(
    ("name", "layout", "labels", "shape", "varied"),
    [
        ("mnist", (28, 28), "targets", (1, 28, 28), False),
        ("fashion_mnist", (28, 28), "targets", (1, 28, 28), False),
        ("cifar10", (32, 32, 3), "targets", (3, 32, 32), True),
        ("cifar100", (32, 32, 3), "targets", (3, 32, 32), True),
        ("svhn", (3, 32, 32), "labels", (3, 32, 32), False),
        ("stl10", (3, 96, 96), "labels", (3, 96, 96), True),
    ],
)
def test_each_layout_becomes_channels_first(monkeypatch, name, layout, labels, shape, varied):
    import torchvision

    asked = []
    part = Part(layout, labels)
    monkeypatch.setattr(torchvision.datasets, SETS[name].factory, lambda **which: asked.append(which) or part)
    data = load(name, val=0)
    x, y = next(data.train.batches([torch.arange(20)]))
    expected = torch.from_numpy(part.data).view(20, *layout)
    assert data.shape == shape
    assert torch.equal(x, expected.permute(0, 3, 1, 2) if layout[-1] == 3 else expected.view(20, *shape))
    assert y.tolist() == getattr(part, labels)
    assert torch.equal(data.augment(x), x) != varied
    assert len(data.classes) == 10
    assert len(data.mean) == len(data.std) == shape[0]
    assert asked[0] != asked[1], "the training and the test part are two requests"


def test_every_torchvision_set_is_offered():
    assert set(SETS) < set(names())
