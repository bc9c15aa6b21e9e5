"""Data that cannot be meant is answered in one line that names the remedy."""

from __future__ import annotations

import re
import struct
import sys
import zlib

import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader, TensorDataset

from robustdial.data import from_tensors, load

X, Y = torch.rand(12, 1, 4, 4), torch.arange(12) % 3


def test_the_good_tensors_of_this_file_are_good():
    assert len(from_tensors((X, Y), (X, Y)).classes) == 3


@pytest.mark.parametrize(
    ("x", "y", "says"),
    [
        (X * 4 - 2, Y, "looks normalised already. Give pixels in [0, 1]; the model normalises inside"),
        (X * 255, Y, "Give uint8 (0 to 255), or float divided into [0, 1]"),
        (X.clone().index_fill_(0, torch.tensor(3), float("nan")), Y, "hold NaN or infinite pixels"),
        (X.clone().index_fill_(0, torch.tensor(3), float("inf")), Y, "hold NaN or infinite pixels"),
        (X.long(), Y, "are torch.int64. Give uint8, or float"),
        (X[:, 0], Y, "have shape [12, 4, 4]. Give [N, C, H, W], for grey images x[:, None]"),
        (torch.rand(12, 8, 8, 3), Y, "Give x.permute(0, 3, 1, 2)"),
        (X, Y[:-1], "There are 12 training images but 11 labels"),
        (X, Y.float(), "Give one integer per image"),
        (X, Y[:, None], "Give one integer per image"),
        (X, Y - 1, "The smallest training label is -1"),
        (X, Y * 100, "The largest label is 200, with 12 images"),
        (X, Y * 2, "No training image is of class 1, 3. Add some"),
        (X, Y * 0, "There is one class only (0)"),
        (X[:0], Y[:0], "The training set is empty"),
    ],
)
def test_wrong_training_tensors_are_refused(x, y, says):
    with pytest.raises(ValueError, match=re.escape(says)) as error:
        from_tensors((x, y), (X, Y))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("x", "y", "says"),
    [
        (X, Y + 1, "The largest test label is 3, but the 3 classes are 0 to 2"),
        (X[:0], Y[:0], "The test set is empty"),
        (torch.rand(12, 1, 5, 5), Y, "Bring them to one (C, H, W)"),
        (X * 4 - 2, Y, "The test pixels reach from"),
    ],
)
def test_wrong_test_tensors_are_refused(x, y, says):
    with pytest.raises(ValueError, match=re.escape(says)):
        from_tensors((X, Y), (x, y))


def test_classes_without_images_are_named():
    with pytest.raises(ValueError, match="No training image is of class dog"):
        from_tensors((X, Y), (X, Y), classes=["ant", "bee", "cat", "dog"])


PAIRS = TensorDataset(X, Y)
ARRAYS, LISTS = (X.numpy(), Y.numpy()), (X.tolist(), Y.tolist())
NO_PAIRS = [ARRAYS, LISTS, (X, Y, Y), X, PAIRS, list(PAIRS), DataLoader(PAIRS), "digits"]


@pytest.mark.parametrize("part", NO_PAIRS, ids=lambda part: type(part).__name__)
@pytest.mark.parametrize("where", ["training", "test"])
def test_anything_but_a_pair_of_tensors_is_told_what_to_give(part, where):
    parts = (part, (X, Y)) if where == "training" else ((X, Y), part)
    told = f"The {where} part is not a pair of tensors .*torch.as_tensor on arrays and lists.*from_dataset"
    with pytest.raises(TypeError, match=told):
        from_tensors(*parts)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"limit": 0}, "limit=0: give the number of training images"),
        ({"limit": 19}, "limit=19 is less than two images for each of 10 classes. Give at least 20"),
        ({"val": 1.0}, "val=1.0 is not a fraction"),
        ({"val": -0.1}, "val=-0.1 is negative"),
        ({"size": 0}, "size=0: give the side"),
    ],
)
def test_numbers_out_of_range_are_refused(options, says):
    with pytest.raises(ValueError, match=re.escape(says)):
        load("digits", **options)


@pytest.mark.parametrize(
    ("name", "near"), [("cifar", "cifar10"), ("minst", "mnist"), ("folder:", "folder:PATH"), ("hf", "hf:NAME")]
)
def test_an_unknown_name_gets_the_nearest_one(name, near):
    with pytest.raises(ValueError, match=re.escape(f"Did you mean {near}? The data sets are digits, shapes, mnist,")):
        load(name)


@pytest.mark.parametrize("kind", ["folder", "parquet"])
def test_a_missing_path_is_named(kind, tmp_path):
    pytest.importorskip("datasets", reason="datasets is not installed")
    with pytest.raises(FileNotFoundError, match=f"There is no .*{tmp_path / 'nowhere'}"):
        load(f"{kind}:{tmp_path / 'nowhere'}")


def test_a_folder_without_classes_shows_the_layout(tmp_path):
    with pytest.raises(ValueError, match=re.escape("holds no folders. Give the path of PATH/train/CLASS")):
        load(f"folder:{tmp_path}")


def test_an_empty_class_folder_is_named(folder):
    path = folder(train=3, test=2)
    (path / "train" / "dog").mkdir()
    with pytest.raises(ValueError, match=f"{path}/train/dog holds no pictures"):
        load(f"folder:{path}")


def test_parts_with_other_classes_are_refused(folder):
    path = folder(train=3, test=2)
    (path / "test" / "cat").rename(path / "test" / "dog")
    with pytest.raises(ValueError, match="do not hold the same classes: cat, dog"):
        load(f"folder:{path}")


@pytest.mark.parametrize("bytes_left", [0, 100])
def test_a_truncated_picture_is_named(folder, bytes_left):
    path = folder(train=100, test=2)
    file = path / "train" / "bee" / "7.png"
    file.write_bytes(file.read_bytes()[:bytes_left])
    with pytest.raises(ValueError, match=f"^{file} cannot be decoded as an image. Replace it") as error:
        load(f"folder:{path}", val=0)
    assert "\n" not in str(error.value)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def deep_png(colour: int, channels: int) -> bytes:
    """A PNG of 16 x 16 pixels with 16 bits per channel, as Pillow does not write it in colour."""
    rows = zlib.compress((bytes(1) + bytes(32 * channels)) * 16)
    head = struct.pack(">IIBBBBB", 16, 16, 16, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("colour", "channels", "mode"), [(0, 1, "I;16"), (2, 3, "RGB;16B"), (4, 2, "LA;16B"), (6, 4, "RGBA;16B")]
)
def test_sixteen_bit_pictures_are_refused_by_name(folder, colour, channels, mode):
    path = folder(train=3, test=2)
    (path / "train" / "ant" / "0.png").write_bytes(deep_png(colour, channels))
    with pytest.raises(ValueError, match=rf"0.png has pixels of mode '{mode}'. Save it with 8 bits per channel"):
        load(f"folder:{path}")


def test_a_damaged_parquet_file_is_named(table, parquet):
    path = parquet(train=table(5), test=table(2))
    file = path / "train.parquet"
    file.write_bytes(file.read_bytes()[:200])
    with pytest.raises(ValueError, match=r"train.parquet cannot be read as parquet"):
        load(f"parquet:{path}")


def test_a_folder_without_training_table_names_the_files(table, parquet):
    with pytest.raises(FileNotFoundError, match=r"Name the files train\*\.parquet, val\*\.parquet and test\*\.parquet"):
        load(f"parquet:{parquet(more=table(2))}")


def test_a_set_without_training_part_says_how_it_is_called(table, parquet):
    with pytest.raises(ValueError, match=r"training set is empty\. Add images to it; their folder, file or split"):
        load(f"parquet:{parquet(test=table(2))}")


def test_a_damaged_picture_in_a_table_is_named(table, parquet, datasets):
    rows = table(5)
    cells = rows.cast_column("image", datasets.Image(decode=False))["image"]
    damaged = [dict(cell) for cell in cells]
    damaged[3] = {"bytes": b"no picture", "path": "3.png"}
    rows = table(5, image=(datasets.Image(), damaged))
    with pytest.raises(ValueError, match=r"^Row 3 of parquet:.* \(train\), 3.png, cannot be decoded"):
        load(f"parquet:{parquet(train=rows, test=table(2))}")


@pytest.mark.parametrize(
    ("column", "kind", "says"),
    [
        ("photo", "Image", "has several columns of images: image, photo. Name one with --image"),
        ("labels", "ClassLabel", "has several columns of labels: label, labels. Name one with --label"),
    ],
)
def test_two_columns_of_a_kind_are_named(table, parquet, datasets, column, kind, says):
    extra = {
        "Image": (datasets.Image(), [Image.new("RGB", (16, 16))] * 15),
        "ClassLabel": (datasets.ClassLabel(names=["a", "b", "c"]), [0, 1, 2] * 5),
    }
    with pytest.raises(ValueError, match=re.escape(says)):
        load(f"parquet:{parquet(train=table(5, **{column: extra[kind]}), test=table(2))}")


def test_a_class_label_wins_over_other_integers(table, parquet, datasets):
    rows = table(5, year=(datasets.Value("int64"), [2000] * 15))
    assert load(f"parquet:{parquet(train=rows)}").classes == ("ant", "bee", "cat")


def test_plain_integers_serve_as_labels(table, parquet, datasets):
    rows = table(5, label=(datasets.Value("int32"), [0, 1, 2] * 5))
    assert load(f"parquet:{parquet(train=rows)}").classes == ("0", "1", "2")


def test_a_table_without_pictures_names_its_columns(datasets, parquet):
    rows = datasets.Dataset.from_dict({"pixels": [[1], [2]], "label": [0, 1]})
    with pytest.raises(ValueError, match=r"has no column of images: pixels, label. Name one"):
        load(f"parquet:{parquet(train=rows)}")


def test_missing_datasets_library_names_the_remedy(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "datasets", None)
    (tmp_path / "train.parquet").touch()
    with pytest.raises(ValueError, match=re.escape("pip install 'robustdial[hf]'")):
        load(f"parquet:{tmp_path}")


@pytest.mark.parametrize(
    ("error", "expected", "says"),
    [
        (
            ConnectionError("Couldn't reach it\nat all"),
            ConnectionError,
            "(Couldn't reach it). Check the name, or be online",
        ),
        (ValueError("Config name is missing.\nPick one"), ValueError, "(Config name is missing). Save it as parquet"),
    ],
)
def test_a_hub_that_gives_nothing_is_reported_in_one_line(datasets, monkeypatch, error, expected, says):
    def fail(name):
        raise error

    monkeypatch.setattr(datasets, "load_dataset", fail)
    with pytest.raises(expected, match=re.escape(says)) as caught:
        load("hf:someone/insects")
    assert "\n" not in str(caught.value)


def test_a_hub_set_without_training_split_names_its_splits(datasets, table, monkeypatch):
    monkeypatch.setattr(datasets, "load_dataset", lambda name: {"all": table(2)})
    with pytest.raises(ValueError, match=re.escape("has no split 'train' (all)")):
        load("hf:someone/insects")


def test_progress_bars_stay_as_the_user_has_them(datasets, table, parquet, capfd):
    load(f"parquet:{parquet(train=table(5))}")
    assert not datasets.are_progress_bars_disabled()
    out, err = capfd.readouterr()
    assert out == err == ""
