"""What every kind of source promises, whether its images are in memory, in files, in tables or streamed."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from robustdial.data import Data, Source, load, stream, unit
from robustdial.data.stream import Stream


def all_of(source: Source) -> tuple[Tensor, Tensor]:
    x, y = zip(*source.batches(torch.split(torch.arange(len(source)), 7)), strict=True)
    return torch.cat(x), torch.cat(y)


def same(one: Data, other: Data) -> bool:
    parts = [(getattr(one, part), getattr(other, part)) for part in ("train", "val", "test")]
    return all(len(a) == len(b) and torch.equal(all_of(a)[0], all_of(b)[0]) for a, b in parts)


def test_batches_come_in_the_order_asked_for(bring):
    source = bring().train
    x, y = all_of(source)
    order = list(torch.split(torch.randperm(len(source)), 8))
    got = list(source.batches(order))
    assert len(got) == len(order)
    for index, (images, labels) in zip(order, got, strict=True):
        assert torch.equal(images, x[index])
        assert torch.equal(labels, y[index])


def test_a_resumed_epoch_gets_the_same_batches(bring):
    source = bring().train
    order = list(torch.split(torch.randperm(len(source)), 8))
    whole, rest = list(source.batches(order)), list(source.batches(order[2:]))
    assert all(torch.equal(a, b) for (a, _), (b, _) in zip(whole[2:], rest, strict=True))


def test_types_and_shapes_are_those_announced(bring):
    data = bring()
    for source in (data.train, data.val, data.test):
        x, y = all_of(source)
        assert x.shape == (len(source), *data.shape)
        assert x.dtype in (torch.uint8, torch.float32)
        assert 0 <= unit(x).min() < unit(x).max() <= 1
        assert y.dtype == torch.int64
        assert torch.equal(y, source.labels)
        assert set(y.tolist()) <= set(range(len(data.classes)))
    assert len(data.mean) == len(data.std) == data.shape[0]


def test_mean_and_std_are_those_of_the_training_pixels(bring):
    data = bring(limit=60)  # below the number of images that are measured
    x = unit(all_of(data.train)[0])
    assert torch.tensor(data.mean) == pytest.approx(x.mean((0, 2, 3)), abs=1e-4)
    assert torch.tensor(data.std) == pytest.approx(x.std((0, 2, 3), correction=0), abs=1e-4)


def test_no_image_is_in_two_parts(bring):
    data = bring()
    images = torch.cat([all_of(source)[0] for source in (data.train, data.val, data.test)])
    assert len(images.flatten(1).unique(dim=0)) == len(images)


def test_limit_is_class_balanced_with_validation_inside(bring):
    data = bring(limit=30, val=0.2)
    assert (len(data.train), len(data.val)) == (24, 6)
    shares = (data.train.labels.bincount() + data.val.labels.bincount(minlength=len(data.classes))).tolist()
    assert set(shares) == {30 // len(data.classes)}


def test_a_limit_above_the_set_is_the_set(bring):
    assert same(bring(limit=10**6), bring())


def test_validation_holds_the_classes_in_proportion(bring):
    data = bring(val=0.25)
    held, kept = data.val.labels.bincount(), data.train.labels.bincount()
    assert len(data.val) == round(0.25 * (len(data.train) + len(data.val)))
    assert (held - 0.25 * (held + kept)).abs().max() < 1


def test_without_validation_everything_is_trained_on(bring):
    with_val, without = bring(), bring(val=0)
    assert len(without.val) == 0
    assert list(without.val.batches([])) == []
    assert len(without.train) == len(with_val.train) + len(with_val.val)


def test_a_seed_chooses_the_images_and_never_the_test_set(bring):
    one, again, other = bring(limit=30, seed=1), bring(limit=30, seed=1), bring(limit=30, seed=2)
    assert same(one, again)
    assert not same(one, other)
    assert torch.equal(all_of(one.test)[0], all_of(other.test)[0])


def test_loading_and_reading_draw_no_global_random_numbers(bring):
    before = torch.get_rng_state()
    all_of(bring(limit=30).train)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_subset_is_those_images(bring):
    source = bring().train
    few = source.subset(torch.tensor([5, 0, 3]))
    assert torch.equal(source.subset([5, 0, 3]).labels, few.labels)
    assert len(few) == 3
    assert torch.equal(all_of(few)[0], all_of(source)[0][[5, 0, 3]])
    assert torch.equal(few.labels, source.labels[[5, 0, 3]])


@pytest.mark.parametrize("device", ["meta", *(["cuda"] if torch.cuda.is_available() else [])])
def test_to_moves_what_is_handed_out_but_not_the_labels(bring, device):
    data = bring().to(device)
    assert data.train.labels.device.type == "cpu"
    for source in (data.train, data.val, data.test):
        assert all(part.device.type == device for part in next(source.batches([torch.tensor([1, 0])])))


def test_a_stream_equals_the_resident_set(folder, monkeypatch):
    path = folder(train=20, test=5)
    resident = load(f"folder:{path}")
    monkeypatch.setattr(stream, "RESIDENT_BYTES", 0)
    streamed = load(f"folder:{path}")
    assert isinstance(streamed.train, Stream)
    assert not isinstance(resident.train, Stream)
    assert same(streamed, resident)


def test_a_stream_can_be_left_in_the_middle(folder, monkeypatch):
    monkeypatch.setattr(stream, "RESIDENT_BYTES", 0)
    source = load(f"folder:{folder(train=20, test=5)}").train
    for _ in source.batches(torch.split(torch.arange(len(source)), 2)):
        break
    assert len(list(source.batches([torch.arange(4)]))) == 1


def test_pictures_of_a_folder_arrive_unchanged(folder):
    from PIL import Image

    path = folder(train=3, test=2)
    data = load(f"folder:{path}", val=0)
    files = [path / "train" / name / f"{n}.png" for name in data.classes for n in range(3)]
    for file, x in zip(files, all_of(data.train)[0], strict=True):
        assert torch.equal(
            x.permute(1, 2, 0).flatten(), torch.tensor(list(Image.open(file).tobytes()), dtype=torch.uint8)
        )


def test_a_grey_folder_has_one_channel_and_no_flips(folder):
    data = load(f"folder:{folder(mode='L', train=5, test=2)}")
    x = all_of(data.train)[0]
    assert data.shape == (1, 16, 16)
    assert torch.equal(data.augment(x), x)


def test_a_colour_folder_is_cropped_and_flipped(folder):
    data = load(f"folder:{folder(train=5, test=2)}")
    x = all_of(data.train)[0]
    assert data.augment(x).shape == x.shape
    assert not torch.equal(data.augment(x), x)


@pytest.mark.parametrize(
    ("size", "asked", "shape", "noted"),
    [
        ((20, 12), None, (3, 12, 20), False),
        ((20, 12), 10, (3, 10, 10), True),
        ((8, 8), 8, (3, 8, 8), False),
        ((8, 8), 16, (3, 16, 16), True),
    ],
)
def test_size_is_the_pictures_own_or_the_one_asked_for(folder, size, asked, shape, noted):
    data = load(f"folder:{folder(size=size, train=4, test=2)}", size=asked)
    assert data.shape == shape
    assert any("resized" in note for note in data.notes) == noted


def test_pictures_of_mixed_sizes_get_the_smallest_shorter_side(folder):
    from PIL import Image

    path = folder(size=(30, 40), train=4, test=2)
    Image.new("RGB", (50, 24)).save(path / "train" / "cat" / "0.png")
    data = load(f"folder:{path}")
    assert data.shape == (3, 24, 24)
    assert data.notes == ("Images are resized to 24x24 (shorter side, then the centre is cropped).",)


def test_resizing_keeps_the_centre():
    from PIL import Image

    from robustdial.data.picture import pixels

    image = Image.new("RGB", (60, 20), (255, 0, 0))
    image.paste((0, 255, 0), (20, 0, 40, 20))  # the middle third is green
    inner = pixels(image, (3, 10, 10))[:, :, 1:-1]  # the resampling filter looks beyond the edge
    assert torch.equal(inner, torch.tensor([0, 255, 0], dtype=torch.uint8).view(3, 1, 1).expand_as(inner))


def test_a_set_without_test_part_says_that_a_fifth_was_set_apart(folder):
    data = load(f"folder:{folder(**{'.': 25})}")
    assert len(data.test) == 15
    assert any("a fifth of the images (15)" in note for note in data.notes)


def test_digits_have_360_test_images():
    data = load("digits")
    assert (len(data.train), len(data.val), len(data.test)) == (1293, 144, 360)
    assert all_of(data.train)[0].max() == 255


def test_digits_can_be_enlarged():
    assert load("digits", size=32).shape == (1, 32, 32)


@pytest.mark.parametrize(
    ("name", "shape", "classes", "test"),
    [
        ("cifar10", (3, 32, 32), 10, 10_000),
        ("mnist", (1, 28, 28), 10, 10_000),
        ("flower_photos_96", (3, 96, 96), 5, 400),
    ],
)
def test_the_shared_sets_load(shared, datasets, monkeypatch, name, shape, classes, test):
    monkeypatch.setattr(stream, "RESIDENT_BYTES", 0)  # so that the test part is not decoded as a whole
    data = load(f"parquet:{shared / 'data' / name}", limit=100)
    assert (data.shape, len(data.classes), len(data.test)) == (shape, classes, test)
    assert set((data.train.labels.bincount() + data.val.labels.bincount()).tolist()) == {100 // classes}
    x, _ = next(data.test.batches([torch.arange(8)]))
    assert x.shape == (8, *shape)


def test_a_limit_decodes_only_what_it_needs(table, parquet, monkeypatch):
    from robustdial.data import picture
    from robustdial.data import table as tables

    decoded = []
    monkeypatch.setattr(tables, "decode", lambda *file: decoded.append(file) or picture.decode(*file))
    load(f"parquet:{parquet(train=table(100), test=table(2))}", limit=12)
    assert len(decoded) == 12 + 6


def test_unit_keeps_floats_and_divides_bytes():
    x = torch.rand(3)
    assert unit(x) is x
    assert torch.equal(unit(torch.arange(256, dtype=torch.uint8)), torch.arange(256) / 255)
