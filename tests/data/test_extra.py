"""Extra images: read where they lie, matched by their classes, and an exact share of every batch."""

from __future__ import annotations

import json
import pickle
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from robustdial import record, run
from robustdial.cli import main
from robustdial.data import Extra, Feed, Mixing, Relabelled, Resident, from_tensors, load, npz, to_learn_at
from robustdial.data.reading import Reading
from robustdial.run.training_loop import training_loop

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (60, 8, 8, 1), dtype=np.uint8)
NUMBERS = np.arange(60) % 10
DIGITS = {"limit": 200, "val": 0.1}


def saved(path, image=PIXELS, label=NUMBERS, save=np.savez, **more):
    save(path, **{name: value for name, value in {"image": image, "label": label, **more}.items() if value is not None})
    return f"npz:{path}"


@pytest.fixture
def generated(tmp_path):
    return saved(tmp_path / "generated.npz")


def test_the_arrays_of_an_npz_are_read_where_they_lie(generated, tmp_path):
    raw = npz.read(generated.partition(":")[2], Reading())
    some = torch.tensor([41, 3, 3])
    ((x, y),) = raw.train.batches([some])
    assert np.array_equal(x.permute(0, 2, 3, 1).numpy(), PIXELS[some]) and y.tolist() == [1, 3, 3]
    assert isinstance(raw.train.images._array, np.memmap)
    assert len(pickle.dumps(raw.train.images)) < PIXELS.nbytes / 4  # what a process that decodes is sent
    colour = RNG.integers(0, 256, (4, 9, 12, 3), dtype=np.uint8)
    odd = saved(tmp_path / "odd.npz", colour, np.arange(4, dtype=np.uint8), first=np.zeros(3))
    ((x, _),) = npz.read(odd.partition(":")[2], Reading()).train.batches([torch.arange(4)])
    assert np.array_equal(x.permute(0, 2, 3, 1).numpy(), colour)


def test_its_share_order_and_length_are_exact(generated):
    data, alone = load("digits", **DIGITS, extra=generated, extra_share=0.7), load("digits", **DIGITS)
    feed, train = Feed(data), len(data.train)
    assert feed.images == train == len(alone.train) == 180
    order = feed.order(40, seed=3, epoch=1)
    assert len(order) == len(Feed(alone).order(40, 3, 1)) == 4
    assert [int((index >= train).sum()) for index in order] == [28] * 4  # 0.7 of 40
    assert all(torch.equal(a, b) for a, b in zip(order, feed.order(40, 3, 1), strict=True))
    assert not torch.equal(order[0], feed.order(40, 3, 2)[0]) and not torch.equal(order[0], feed.order(40, 4, 1)[0])
    for index, batch in zip(order, feed.batches(order), strict=True):
        own = index < train
        ((x, y),) = data.train.batches([index[own]])
        theirs = index[~own] - train
        assert torch.equal(batch.x[own], x / 255) and torch.equal(batch.y[own], y)
        assert np.array_equal((batch.x[~own] * 255).round().byte().permute(0, 2, 3, 1).numpy(), PIXELS[theirs])
        assert batch.y[~own].tolist() == NUMBERS[theirs].tolist() and not batch.by_teacher.any()


def test_every_extra_image_comes_as_often_as_another(generated):
    data = load("digits", **DIGITS, extra=generated, extra_share=0.5)
    index = torch.cat(Feed(data).order(60, 0, 0))  # three batches of 30 extra images each: one and a half rounds of 60
    counts = index[index >= len(data.train)].bincount()[len(data.train) :]
    assert sorted(counts.unique().tolist()) == [1, 2] and len(counts) == 60 and counts.sum() == 90


def test_unlabelled_images_keep_their_share_beside_them(generated):
    data = load("digits", **DIGITS, labelled=100, extra=generated, extra_share=0.25)
    data = replace(data, unlabelled=Relabelled(data.unlabelled, torch.full((80,), 7)))
    feed = Feed(data, share=0.5, mixing=Mixing(1.0))
    for index, batch in zip(feed.order(40, 0, 0), feed.batches(feed.order(40, 0, 0)), strict=True):
        kinds = torch.bucketize(index, torch.tensor([100, 180]), right=True).bincount().tolist()
        assert kinds == [15, 20, 5]  # a quarter of the labelled half
        assert int(batch.all_by_teacher.sum()) == 20 and batch.y.shape == (40, 10)


def test_they_are_matched_by_name_or_else_by_number(tmp_path, tensors):
    x, y = tensors(8)
    data = from_tensors((x, y), (x, y), classes=("ant", "bee", "cat"))
    root = tmp_path / "more"
    for part, name in (("train", "cat"), ("train", "ant"), ("test", "cat"), ("test", "ant")):
        (root / part / name).mkdir(parents=True)
        Image.new("RGB", (16, 16), (200, 0, 0)).save(root / part / name / "0.png")
    shutil.copytree(root / "train", tmp_path / "set" / "train")
    Image.new("RGB", (16, 16)).save(tmp_path / "set" / "train" / "ant" / "1.png")
    (tmp_path / "set" / "train" / "bee").mkdir()
    for n, name in enumerate(("cat", "bee", "bee", "cat", "bee", "ant", "cat", "ant")):
        Image.new("RGB", (16, 16), (n, 9, 9)).save(tmp_path / "set" / "train" / name / f"x{n}.png")
    found = load(f"folder:{tmp_path / 'set'}", val=0, extra=f"folder:{root}")
    assert found.classes == data.classes and found.extra.source.labels.tolist() == [0, 2]
    assert "Extra images: Classes are matched by name." in found.notes
    by_number = saved(tmp_path / "three.npz", np.zeros((4, 16, 16, 3), np.uint8), np.array([1, 0, 1, 0]))
    found = load(f"folder:{tmp_path / 'set'}", val=0, extra=by_number)
    assert found.extra.source.labels.tolist() == [1, 0, 1, 0]
    assert "Extra images: Classes are matched by number: 0 for ant, 1 for bee." in found.notes


def test_they_change_their_size_and_place_with_the_others(generated):
    data = load("digits", **DIGITS, extra=generated)
    small = to_learn_at(data, 16)
    assert small.shape == small.extra.source.shape == (1, 16, 16)
    assert next(small.to("cpu").extra.source.batches([torch.arange(3)]))[0].shape == (3, 1, 16, 16)


def test_a_run_with_them_resumes_with_the_same_bits_and_is_measured_without(tmp_path, generated):
    settings = run.Run(
        limit=200, batch=30, epochs=2, model_width=4, extra=generated, mixup=0.2, device="cpu", out=str(tmp_path / "a")
    )
    whole = run.start("atta", {"eps": 0.2}, settings)
    for _ in training_loop(whole):
        pass
    broken = run.start("atta", {"eps": 0.2}, replace(settings, out=str(tmp_path / "b")))
    for number, _ in enumerate(training_loop(broken), start=1):
        if number == 8:
            broken.save()
            break
    broken.hold.release()
    resumed = run.resume(broken.folder)
    for _ in training_loop(resumed):
        pass
    (a, _), (b, _) = (record.read_tensors(each.folder / record.LAST) for each in (whole, resumed))
    assert all(torch.equal(a[name], b[name]) for name in a) and any(name.startswith("memor") for name in a)
    about = json.loads((resumed.folder / record.RUN).read_text())
    assert about["data"]["extra"]["images"] == 60 and about["data"]["extra"]["share"] == 0.7
    resumed.hold.release()
    saved(tmp_path / "generated.npz", label=(NUMBERS + 1) % 10)
    with pytest.raises(ValueError, match=r"has changed since the run .* began \(extra\)"):
        run.resume(resumed.folder)
    (tmp_path / "generated.npz").unlink()
    assert run.trained(resumed.folder).data.extra is None


BAD = {
    "compressed": ({"save": np.savez_compressed}, "is compressed, and images are read in any order. Unpack it once"),
    "no label": ({"label": None}, "has no array label; it holds image. Save one with numpy.savez"),
    "no image": ({"image": None}, "has no array image; it holds label"),
    "other size": ({"image": np.zeros((60, 16, 16, 1), np.uint8)}, "(1, 16, 16), those of digits (1, 8, 8)"),
    "colour": ({"image": np.zeros((60, 8, 8, 3), np.uint8)}, "(3, 8, 8), those of digits (1, 8, 8)"),
    "float": ({"image": PIXELS / 255}, "is float64 [60, 8, 8, 1]. Save it as uint8 [N, H, W, C]"),
    "channels first": ({"image": np.zeros((60, 1, 8, 8), np.uint8)}, "Save it as uint8 [N, H, W, C]"),
    "columns": ({"image": np.asfortranarray(PIXELS)}, "is stored by columns"),
    "none": ({"image": PIXELS[:0], "label": NUMBERS[:0]}, "holds no images. Add some"),
    "tiny": ({"image": np.zeros((60, 4, 4, 1), np.uint8)}, "4 x 4 pixels, and each side needs 8"),
    "more classes": (
        {"label": np.arange(60) % 11},
        "are of other classes (10) than the training images (0, 1, 2, ...)",
    ),
    "unlabelled": ({"label": NUMBERS - 1}, "The smallest label in"),
    "shares": ({"label": NUMBERS / 2}, "Save one whole number per image"),
    "objects": ({"label": np.array(["a"] * 60, dtype=object)}, "is of Python objects"),
    "few labels": ({"label": NUMBERS[:-1]}, "holds 60 images and 59 labels"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_meant_is_refused_before_a_folder_is_made(tmp_path, case, capsys):
    what, says = BAD[case]
    _refused(tmp_path, ["--extra", saved(tmp_path / "bad.npz", **what)], says, capsys)


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--extra", "npz:/no/such.npz"], "There is no file /no/such.npz"),
        (["--extra", "digits"], "cannot be extra ones beside themselves"),
        (["--extra", "GOOD", "--extra-share", "1"], "--extra-share 1 is not a share of a batch"),
        (["--extra", "GOOD", "--extra-share", "0"], "--extra-share 0 is not a share of a batch"),
        (["--extra", "GOOD", "--batch", "1"], "--batch 1 has no room for --extra"),
        (["--extra", "BROKEN"], "is no .npz file, or broken"),
        (["--extra", "SHORT"], "is no .npz file, or broken"),
    ],
)
def test_so_are_flags_that_cannot_be_meant(tmp_path, generated, flags, says, capsys):
    (tmp_path / "broken.npz").write_bytes(b"PK no zip")
    (tmp_path / "short.npz").write_bytes((tmp_path / "generated.npz").read_bytes()[:900])
    places = {"GOOD": generated, "BROKEN": f"npz:{tmp_path}/broken.npz", "SHORT": f"npz:{tmp_path}/short.npz"}
    _refused(tmp_path, [places.get(flag, flag) for flag in flags], says, capsys)


def _refused(tmp_path, flags, says, capsys):
    asked = ["train", "pgd-at", "--limit", "200", "--model-width", "4", "--out", str(tmp_path / "out")]
    assert main.run([*asked, *flags]) == 2
    error = capsys.readouterr().err.strip()
    assert says in error and "\n" not in error
    assert not (tmp_path / "out").exists()


def test_a_share_outside_is_refused_in_python():
    with pytest.raises(ValueError, match="extra_share=1 is not a share of a batch"):
        Extra(Resident(torch.zeros(2, 1, 8, 8), torch.zeros(2).long()), 1.0)
