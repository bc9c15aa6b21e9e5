"""WebDataset shards: parts by their names, labels of every kind, and one line for what is missing or broken."""

from __future__ import annotations

import gzip
import io
import json
import os
import re
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from robustdial.cli import main
from robustdial.data import load, load_to_measure

webdataset = pytest.importorskip("webdataset", reason="webdataset is not installed")

NUMBERS = {"cls": lambda k: str(k)}
WORDS = ("ant", "bee", "cat")


def picture(k, n):
    """Picture n of class k: noise, brighter for each class."""
    return Image.fromarray((np.random.default_rng(n).integers(0, 80, (16, 16, 3)) + 80 * k).astype(np.uint8))


def encoded(image, form="PNG", **how):
    file = io.BytesIO()
    image.save(file, form, **how)
    return file.getvalue()


@pytest.fixture
def shards(tmp_path):
    """`shards({"train": 3, "test": 1}, label)` writes shards PART-00000n.tar with ten samples each."""

    def write(parts, label=NUMBERS, more=lambda n: {}):
        (tmp_path / "shards").mkdir(exist_ok=True)
        number = 0
        for part, count in parts.items():
            for shard in range(count):
                path = tmp_path / "shards" / f"{part}-{shard:06d}.tar"
                with path.open("wb") as file, webdataset.TarWriter(file) as tar:
                    for _ in range(10):
                        sample = {end: of(number % 3) for end, of in label.items()} | more(number)
                        sample = {"__key__": f"n{number:04d}", "png": encoded(picture(number % 3, number))} | sample
                        tar.write({end: held for end, held in sample.items() if held is not None})
                        number += 1
        return tmp_path / "shards"

    return write


def numbered_as_written(source, first=0):
    """Whether the images and labels are those of `shards`, from number `first` on."""
    ((x, y),) = source.batches([torch.arange(len(source))])
    for n, image in enumerate(x, first):
        expected = torch.frombuffer(bytearray(picture(n % 3, n).tobytes()), dtype=torch.uint8)
        assert torch.equal(image.permute(1, 2, 0).flatten(), expected)
    assert y.tolist() == [n % 3 for n in range(first, first + len(x))]


def test_parts_are_named_by_their_shards(shards):
    data = load(f"wds:{shards({'imagenet-train': 3, 'imagenet-val': 1, 'test': 1})}")
    assert (len(data.train), len(data.val), len(data.test)) == (30, 10, 10)
    assert data.classes == ("0", "1", "2")
    for source, first in ((data.train, 0), (data.val, 30), (data.test, 40)):
        numbered_as_written(source, first)


@pytest.mark.parametrize(
    ("pattern", "parts"),
    [
        ("train-{000000..000002}.tar", (22, 2, 6)),
        ("train-*.tar", (22, 2, 6)),
        ("{train-{000000..000001},test-000000}.tar", (18, 2, 10)),
        ("train-000000.tar", (7, 1, 2)),
    ],
)
def test_a_pattern_names_shards(shards, pattern, parts):
    data = load(f"wds:{shards({'train': 3, 'test': 1}) / pattern}")
    assert (len(data.train), len(data.val), len(data.test)) == parts


def test_shards_that_name_no_part_are_trained_on_and_odd_ones_are_told(shards):
    place = shards({"a": 2, "b": 1})
    assert len(load(f"wds:{place}", val=0).train) == 24
    (place / "b-000000.tar").rename(place / "train.tar")
    data = load(f"wds:{place}", val=0)
    assert len(data.train) == 8
    assert "Left out, of no part by its name: a-000000.tar, a-000001.tar." in data.notes


@pytest.mark.parametrize(
    ("label", "asked", "classes"),
    [
        ({"cls": lambda k: str(k)}, None, ("0", "1", "2")),
        ({"cls": lambda k: WORDS[k]}, None, WORDS),
        ({"json": lambda k: json.dumps({"label": k, "width": 3})}, None, ("0", "1", "2")),
        ({"json": lambda k: json.dumps({"label": WORDS[k]})}, None, WORDS),
        ({"json": lambda k: json.dumps(k)}, None, ("0", "1", "2")),
        ({"json": lambda k: json.dumps({"label": 0, "kind": WORDS[k]})}, "kind", WORDS),
        ({"cls": lambda k: "0", "txt": lambda k: WORDS[k]}, "txt", WORDS),
    ],
)
def test_labels(shards, label, asked, classes):
    data = load(f"wds:{shards({'train': 1, 'test': 1}, label)}", val=0, label=asked)
    assert data.classes == classes
    numbered_as_written(data.train)


def test_classes_beside_the_shards_name_the_numbers(shards):
    place = shards({"train": 1, "test": 1})
    (place / "classes.txt").write_text("\n".join(WORDS))
    assert load(f"wds:{place}", val=0).classes == WORDS
    assert load(f"wds:{place}/t*.tar", val=0).classes == WORDS


def test_streamed_shards_are_those_in_memory(shards):
    place = f"wds:{shards({'train': 3, 'test': 1})}"
    resident, streamed = load(place), load(place, workers=2)
    order = torch.split(torch.randperm(27), 8)
    for one, other in zip(resident.train.batches(order), streamed.train.batches(order), strict=True):
        assert torch.equal(one[0], other[0])
        assert torch.equal(one[1], other[1])


def test_images_are_what_a_viewer_shows(shards):
    side, red = Image.Exif(), Image.new("RGB", (16, 16))
    side[0x0112] = 6
    red.paste((255, 0, 0), (0, 0, 16, 8))  # the upper half; on the right when it is upright
    place = shards({"train": 1}, more=lambda n: {"png": encoded(red, exif=side)} if n == 0 else {})
    (x, _), *_ = load_to_measure(f"wds:{place}")[0].test.batches([torch.tensor([0])])
    assert x[0, 0].float().mean(0).tolist() == [0] * 8 + [255] * 8


def cut(place):
    os.truncate(place / "train-000001.tar", 9000)


def scribbled(place):
    with (place / "train-000001.tar").open("r+b") as file:
        file.seek(2048)
        file.write(b"\x07" * 512)


def packed(place):
    (place / "train-000001.tar").write_bytes(gzip.compress((place / "train-000001.tar").read_bytes()))


BROKEN = {
    "missing": (
        lambda place: (place / "train-000001.tar").unlink(),
        {},
        r"There is no shard \S*/train-000001.tar",
    ),
    "cut": (cut, {}, r"The shard \S*/train-000001.tar is broken \(.*\)\. Fetch it again"),
    "scribbled": (scribbled, {}, r"The shard \S*/train-000001.tar is broken"),
    "empty": (
        lambda place: os.truncate(place / "train-000001.tar", 0),
        {},
        r"/train-000001.tar is broken \(empty",
    ),
    "compressed": (
        packed,
        {},
        r"/train-000001.tar is compressed \(gzip\), and images are .* Unpack it",
    ),
    "no label": (None, {"label": {}}, r"n0000 of \S*/train-000000.tar has no label: it holds png, not cls or json"),
    "no key": (None, {"label": {"json": lambda k: "{}"}}, r"its json gives no label \(.*no key label, cls, class"),
    "no JSON": (None, {"label": {"json": lambda k: "{"}}, r"n0000 of \S* its json gives no label"),
    "empty label": (None, {"label": {"cls": lambda k: " "}}, r"n0000 of \S* its cls gives no label \(it is empty"),
    "missing label": (None, {"label": {"cls": lambda k: ("nan", "a", "b")[k]}}, "nan in the column of the labels is"),
    "no image": (
        None,
        {"more": lambda n: {"png": None, "pth": b"0"}},
        r"n0000 of \S* has no image\. Name one .* holds \w+, \w+",
    ),
    "two images": (
        None,
        {"more": lambda n: {"jpg": b"0"}},
        r"has several images \((png, jpg|jpg, png)\)\. Name",
    ),
    "damaged image": (
        None,
        {"more": lambda n: {"png": b"0" * 99}},
        r"n00\d\d.png of \S*/train-\d*.tar cannot be",
    ),
    "labels beyond": (None, {"label": {"cls": lambda k: str(k - 1)}}, r"The smallest training label is -1"),
}


@pytest.mark.parametrize(("spoil", "written", "says"), BROKEN.values(), ids=BROKEN)
def test_what_is_wrong_is_told_in_one_line_before_a_folder_is_made(shards, tmp_path, capsys, spoil, written, says):
    place = shards({"train": 2, "test": 1}, **written)
    if spoil is not None:
        spoil(place)
    argv = ["train", "clean", "--data", f"wds:{place}/{{train-{{000000..000001}},test-000000}}.tar"]
    assert main.run([*argv, "--out", str(tmp_path / "run")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert re.search(says, line), line
    assert not (tmp_path / "run").exists()


def test_without_the_library_one_line_says_what_to_install(shards, monkeypatch):
    place = shards({"train": 1})
    monkeypatch.setitem(sys.modules, "webdataset", None)
    with pytest.raises(ValueError, match=r"needs the webdataset library\. Install it with: pip install 'robust"):
        load(f"wds:{place}")


@pytest.mark.parametrize("place", ["https://host/train-{00..10}.tar", "pipe:curl x", "s3://bucket/a.tar"])
def test_shards_elsewhere_are_refused(place):
    with pytest.raises(ValueError, match="must lie on this machine"):
        load(f"wds:{place}")


def test_a_run_finds_its_shards_from_another_directory(shards, tmp_path, monkeypatch):
    place = shards({"train": 2, "test": 1})
    monkeypatch.chdir(place)
    train = ["train", "clean", "--model-width", "4", "--epochs", "1", "--batch", "6", "--out", str(tmp_path / "run")]
    assert main.run([*train, "--data", "wds:*-{000000..000000}.tar"]) == 0
    monkeypatch.chdir(tmp_path)
    assert main.run(["evaluate", str(tmp_path / "run"), "--attack", "pgd-1", "--n", "6", "--eps", "0.01"]) == 0
