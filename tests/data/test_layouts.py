"""Which folder is a part, which a class, and what is left out."""

from __future__ import annotations

import os

import pytest
import torch
from PIL import Image

from robustdial.data import from_tensors, load, load_to_measure
from robustdial.data.parts import part_among, part_called


def write(root, *places: str, number: int = 6) -> str:
    """Images in each of the places; the name of the set. Those of the k-th have the red value 10 k."""
    for k, place in enumerate(places):
        (root / place).mkdir(parents=True)
        for n in range(number):
            Image.new("RGB", (8, 8), (10 * k, n, 0)).save(root / place / f"{n}.png")
    return f"folder:{root}"


@pytest.mark.parametrize(
    ("names", "part"),
    [
        (("train", "Training", "TRAIN", "trainset", "train_set", "Train Data", "train2017", "trainval"), "train"),
        (("val", "Valid", "VALIDATION", "dev", "validation-set", "val2017", "eval"), "val"),
        (("test", "Testing", "TEST", "test_images", "testset"), "test"),
        (("trains", "tester", "devil", "value", "test tubes", "a", "1", ""), None),
    ],
)
def test_parts_are_known_by_name(names, part):
    assert [part_called(name) for name in names] == [part] * len(names)


@pytest.mark.parametrize(
    ("stem", "part"),
    [("train-00000-of-00002", "train"), ("birds_Valid", "val"), ("my test", "test"), ("0000", None), ("a", None)],
)
def test_a_file_is_of_the_part_that_a_word_of_its_name_means(stem, part):
    assert part_among(stem) == part


@pytest.mark.parametrize(
    ("parts", "sizes"),
    [
        (("Training", "Testing"), (11, 1, 12)),
        (("TRAIN", "Dev"), (9, 12, 3)),
        (("train", "valid"), (9, 12, 3)),
        (("train", "validation", "test"), (12, 12, 12)),
        (("Train Set", "VAL2017", "test_set"), (12, 12, 12)),
        (("train", "dev", "testing"), (12, 12, 12)),
        (("Trainingsdaten", "Testdaten"), (11, 1, 12)),
        (("entraînement", "validation"), (9, 12, 3)),
        (("训练集", "测试集"), (11, 1, 12)),
        (("train", "tests"), (11, 1, 12)),
        (("dogs_train", "dogs_test"), (11, 1, 12)),
        (("train_v1", "test-clean"), (11, 1, 12)),
    ],
)
def test_parts_that_are_there_are_used_and_never_become_classes(tmp_path, parts, sizes):
    data = load(write(tmp_path, *(f"{part}/{name}" for part in parts for name in "ab")))
    assert data.classes == ("a", "b")
    assert (len(data.train), len(data.val), len(data.test)) == sizes


def test_what_each_part_is_stands_in_the_notes(tmp_path):
    assert load(write(tmp_path, "train/a", "train/b", "Valid/a", "Valid/b")).notes == (
        "Parts by their names: Valid is val.",
        "No test part came with it: a fifth of the training images (3) is set apart, the same for every seed.",
        "Its own validation part (12 images) chooses the checkpoint; none is held out of the training images.",
    )


def test_a_validation_part_is_not_touched_by_val_limit_or_seed(tmp_path):
    name = write(tmp_path, "train/a", "train/b", "val/a", "val/b", "test/a", "test/b")
    data = load(name, val=0.4, limit=6, seed=3)
    assert (len(data.train), len(data.val), len(data.test)) == (6, 12, 12)
    x, _ = next(data.val.batches([torch.arange(12)]))
    assert x[:, 0].unique().tolist() == [20, 30], "the images of val/a and val/b"


@pytest.mark.parametrize(
    ("names", "order"),
    [
        ([str(k) for k in range(12)], [str(k) for k in range(12)]),
        (["010", "9", "1"], ["1", "9", "010"]),
        (["007", "42", "1"], ["1", "007", "42"]),
        (["-1", "10", "2"], ["-1", "2", "10"]),
        (["b", "10", "9"], ["10", "9", "b"]),
    ],
)
def test_classes_are_in_the_order_of_numbers_where_all_are_numbers(tmp_path, names, order):
    data = load(write(tmp_path, *(f"{part}/{name}" for part in ("train", "test") for name in names)))
    assert data.classes == tuple(order)
    x, y = next(data.test.batches([torch.arange(len(data.test))]))
    assert {(int(red), int(label)) for red, label in zip(x[:, 0, 0, 0], y, strict=True)} == {
        (10 * (len(names) + k), order.index(name)) for k, name in enumerate(names)
    }


@pytest.mark.parametrize(
    ("names", "pairs"),
    [("Cat cat dog", "Cat and cat"), ("01 1 2", "01 and 1"), ("1 1.0 2", "1 and 1.0"), ("a b", None)],
)
def test_classes_that_may_be_one_are_noted(tmp_path, names, pairs):
    notes = [note for note in load(write(tmp_path, *names.split())).notes if "Kept apart" in note]
    assert notes == ([f"Kept apart, but perhaps the same class: {pairs}."] if pairs else [])


HIDDEN = (".thumbnails", ".git", ".ipynb_checkpoints", "__MACOSX", "@eaDir", "$RECYCLE.BIN", "lost+found")


@pytest.mark.parametrize("name", HIDDEN)
@pytest.mark.parametrize("inside", ["", "a/", "train/"])
def test_hidden_folders_are_no_classes_and_hold_no_images(tmp_path, name, inside):
    split = inside == "train/"
    places = [f"{part}{c}" for part in (("train/", "test/") if split else ("",)) for c in "ab"]
    data = load(write(tmp_path, *places, f"{inside}{name}"))
    assert data.classes == ("a", "b")
    assert len(data.train) + len(data.val) + len(data.test) == 6 * len(places)
    assert f"Left out, as hidden or of the system: 1 ({inside}{name})." in data.notes


@pytest.mark.parametrize("inside", ["", "a/", "train/"])
@pytest.mark.parametrize("file", ["run.json", "compare.json", "score.json"])
def test_a_run_among_the_images_is_none_of_their_classes(tmp_path, file, inside):
    split = inside == "train/"
    places = [f"{part}{c}" for part in (("train/", "test/") if split else ("",)) for c in "ab"]
    name = write(tmp_path, *places, f"{inside}run/pictures")
    (tmp_path / inside / "run" / file).write_text("{}")
    data = load(name)
    assert data.classes == ("a", "b")
    assert len(data.train) + len(data.val) + len(data.test) == 6 * len(places)
    assert any(f"{inside}run" in note for note in data.notes if note.startswith("Left out"))


def test_hidden_files_and_what_is_no_image_are_counted_and_at_most_three_named(tmp_path):
    name = write(tmp_path, "a", "b")
    for hidden in ("._x.png", ".DS_Store", "Thumbs.db", "0.png~"):
        (tmp_path / "a" / hidden).write_bytes(b"no image")
    for other in ("notes.txt", "boxes.xml"):
        (tmp_path / "b" / other).write_text("no image")
    (tmp_path / "README.md").write_text("beside the classes")
    Image.new("RGB", (8, 8)).save(tmp_path / "loose.png")
    notes = load(name).notes
    assert "Left out, as hidden or of the system: 4 (a/.DS_Store, a/._x.png, a/0.png~, ...)." in notes
    assert "Left out, as no image of a class: 4 (README.md, loose.png, b/boxes.xml, ...)." in notes


def test_folders_beside_the_parts_are_named(tmp_path):
    notes = load(write(tmp_path, "train/a", "train/b", "test/a", "test/b", "models", "extra")).notes
    assert notes == ("Left out, beside the folders of the parts: extra, models.",)


def test_classes_beside_a_test_part_are_what_is_trained_on(tmp_path):
    data = load(write(tmp_path, "a", "b", "test/a", "test/b"))
    assert (data.classes, len(data.train) + len(data.val), len(data.test)) == (("a", "b"), 12, 12)
    assert data.notes == ("The training images are those of the folders beside test.",)


def test_images_of_a_class_may_lie_deeper(tmp_path):
    data = load(write(tmp_path, "a/2020/may", "a/2021", "b"))
    assert (data.classes, len(data.train) + len(data.val) + len(data.test)) == (("a", "b"), 18)


@pytest.mark.parametrize(
    ("places", "says"),
    [
        (("train", "test"), "train holds no folders of classes"),
        (
            ("car", "bus", "train"),
            "train holds no folders of classes, and stands beside bus, car. If it is a class",
        ),
        (("fold1/a", "fold1/b", "fold2/a", "fold2/b"), r"are the classes fold1, fold2, or a, b, which are in each"),
        (("data/train/a", "data/train/b"), r"holds one folder, data, and the folders .* Give folder:\S*/data\."),
        (
            (
                "seg_train/seg_train/a",
                "seg_train/seg_train/b",
                "seg_test/seg_test/a",
                "seg_test/seg_test/b",
                "seg_pred",
            ),
            "holds one folder, seg_train, .* Move them up",
        ),
        (("a", "b", "un-labeled"), "class un-labeled seems to hold images without labels.*--unlabelled folder:PATH"),
        (("images/a", "images/b"), r"holds one folder, images, .* Give folder:\S*/images\."),
        (("train/images/a", "train/images/b"), "holds one folder, images, .* Move them up, into .*train"),
        (("a", "a ", "b"), "Two classes look the same, 'a and a ': they differ in blanks or in how an accent"),
        (("\xe9", "e\u0301", "b"), r"Two classes look the same, 'e\\u0301 and \\xe9'"),
        (("train/Cat", "train/b", "test/cat", "test/b"), "same classes: Cat, cat .some differ in capitals"),
        (("cat/train", "cat/test", "dog/train", "dog/test"), "cat holds train, test: parts inside of a class"),
        (("train/a", "train/b", "Training/a", "Training/b"), "both name the train part"),
        (("val/a", "val/b", "dev/a", "dev/b"), "both name the val part"),
        (("train/a", "train/b", "val/a"), "do not hold the same classes: b"),
        (("test/a", "test/b"), "The training set is empty"),
        (("raw/a", "raw/b", "test/a", "test/b"), "raw holds the same folders as test. If it is the training part"),
    ],
)
def test_what_could_be_meant_in_two_ways_is_refused(tmp_path, places, says):
    with pytest.raises(ValueError, match=says) as error:
        load(write(tmp_path, *places))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("mask", ["0_mask.png", "0_Mask_1.png", "0-segmentation.png", "0_gt.png"])
def test_masks_beside_their_images_are_no_images_of_the_class(tmp_path, mask):
    name = write(tmp_path, "a", "b")
    Image.new("L", (8, 8)).save(tmp_path / "a" / mask)
    with pytest.raises(ValueError, match=rf"masks of them: 1, such as {mask}\. Move the masks out"):
        load(name)


def test_what_is_called_a_mask_without_an_image_is_one(tmp_path):
    name = write(tmp_path, "masks", "none")
    Image.new("L", (8, 8)).save(tmp_path / "none" / "venetian_mask.png")
    assert load(name).classes == ("masks", "none")


def test_an_archive_is_no_folder(tmp_path):
    (tmp_path / "set.zip").write_bytes(b"PK")
    with pytest.raises(ValueError, match=r"set.zip is a file. If it is an archive, unpack it"):
        load(f"folder:{tmp_path / 'set.zip'}")


def test_a_table_beside_a_folder_of_images_is_named(tmp_path):
    name = write(tmp_path, "images")
    (tmp_path / "labels.csv").write_text("file,label\n")
    with pytest.raises(ValueError, match=r"a table lies beside it: csv:\S*labels.csv"):
        load(name)


@pytest.mark.parametrize("places", [(), ("train",), ("train", "test")])
@pytest.mark.parametrize("table", ["", "train"])
def test_so_is_one_beside_images_without_folders_of_classes(tmp_path, places, table):
    name = write(tmp_path, *places) if places else f"folder:{tmp_path}"
    (tmp_path / table).mkdir(exist_ok=True)
    (tmp_path / table / "metadata.csv").write_text("file_name,label\n")
    with pytest.raises(ValueError, match=r"A table lies there: csv:\S*metadata.csv reads its labels"):
        load(name)


@pytest.mark.parametrize("ending", [".HEIC", ".dng", ".npy"])
def test_images_in_a_format_that_is_not_read_are_no_small_loss(tmp_path, ending):
    name = write(tmp_path, "a", "b")
    (tmp_path / "b" / f"x{ending}").write_bytes(b"pixels")
    with pytest.raises(ValueError, match=rf"1 images in \S*/b are of a format .* such as x{ending}\. Save them"):
        load(name)


def test_folders_inside_of_classes_are_noted(tmp_path):
    name = write(tmp_path, "apple/scab", "apple/rot", "corn/rust", "plum")
    assert "Folders inside of a class are not told apart: apple/rot, apple/scab." in load(name).notes


def test_a_class_of_which_nothing_is_measured_is_noted(tmp_path):
    name = write(tmp_path, "a", "b")
    write(tmp_path, "c", number=1)
    assert "No test image is of class c: nothing is measured of it." in load(name).notes


@pytest.mark.parametrize(("place", "kind"), [("set", "folder"), ("list.csv", "csv"), ("x.parquet", "parquet")])
def test_a_path_alone_is_told_what_to_write_before_it(tmp_path, place, kind):
    (tmp_path / place).mkdir()
    with pytest.raises(ValueError, match=rf"is a path\. Say what lies there: {kind}:\S*{place}\."):
        load(str(tmp_path / place))


@pytest.mark.parametrize(("copies", "noted"), [(0, False), (1, False), (2, True), (100, True)])
def test_training_images_in_the_test_part_are_counted(copies, noted):
    x = torch.randint(256, (200, 1, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    y = torch.arange(100) % 2
    test = torch.cat([x[:copies], x[100 : 200 - copies]])
    notes = [note for note in from_tensors((x[:100], y), (test, y), val=0).notes if "training images too" in note]
    told = f"Of the 100 test images {copies} are training images too, pixel for pixel"
    assert [note.startswith(told) for note in notes] == [True] * noted


@pytest.mark.parametrize("link", ["a/loop", "loop"])
def test_a_link_that_leads_back_up_is_left_out(tmp_path, link):
    name = write(tmp_path, "a", "b")
    (tmp_path / link).symlink_to(tmp_path)
    data = load(name)
    assert (data.classes, len(data.train) + len(data.val) + len(data.test)) == (("a", "b"), 12)
    assert f"Left out, as no image of a class: 1 ({link})." in data.notes


@pytest.mark.parametrize(
    ("link", "target"), [("test", "train"), ("train/c", "train/a"), ("train/b/again.png", "train/a/0.png")]
)
def test_one_file_of_two_parts_or_classes_is_named(tmp_path, link, target):
    name = write(tmp_path, "train/a", "train/b")
    (tmp_path / link).symlink_to(tmp_path / target)
    with pytest.raises(ValueError, match="are one and the same file, of two parts or two classes"):
        load(name)


@pytest.mark.parametrize("place", ["set [v2]", "dog:", "two words", "[b]bold[/b]", "Größe", "*"])
def test_any_text_is_a_path(tmp_path, place):
    assert load(write(tmp_path / place, "a", "b")).classes == ("a", "b")


def test_file_names_that_are_no_text_are_read_and_shown_escaped(tmp_path):
    name = write(tmp_path, "a", "b")
    raw = os.fsencode(tmp_path) + b"/a/caf\xe9.png"
    with open(raw, "wb") as file:
        Image.new("RGB", (8, 8)).save(file, "PNG")
    assert len(load(name, val=0).train) == 10
    with open(raw, "wb") as file:
        file.write(b"damaged")
    with pytest.raises(ValueError, match=r"caf\\xe9.png cannot be decoded") as error:
        load(name)
    str(error.value).encode()


def test_a_class_whose_name_is_no_text_is_refused(tmp_path):
    name = write(tmp_path, "a", "b")
    os.rename(os.fsencode(tmp_path) + b"/b", os.fsencode(tmp_path) + b"/caf\xe9")
    with pytest.raises(ValueError, match=r"The class caf\\xe9 has a name that is not plain text"):
        load(name)


@pytest.mark.parametrize(
    ("places", "part", "number", "note"),
    [
        (("a", "b"), "test", 12, "It is not divided into parts: all of its 12 images are measured."),
        (("train/a", "train/b", "test/a", "test/b"), "test", 12, None),
        (("train/a", "train/b", "val/a", "val/b"), "val", 12, "its validation part (12 images) is measured"),
        (("test/a", "test/b"), "test", 12, None),
        (("val/a", "val/b"), "val", 12, "its validation part (12 images) is measured"),
    ],
)
def test_what_is_only_measured_is_measured_whole(tmp_path, places, part, number, note):
    data, measured = load_to_measure(write(tmp_path, *places))
    assert measured == part
    assert {which: len(getattr(data, which)) for which in ("train", "val", "test")} == {
        "train": 0,
        "val": 0,
        "test": 0,
        part: number,
    }
    assert note is None or any(note in told for told in data.notes)


@pytest.mark.parametrize(
    ("places", "says"),
    [
        (
            ("train/a", "train/b", "test/a", "test/b"),
            "2 training images of 2 classes, and none can be held out",
        ),
        (("a", "b"), "There are 2 images of 2 classes, and none can be set apart as a test part"),
    ],
)
def test_two_images_are_too_few_to_hold_any_out(tmp_path, places, says):
    with pytest.raises(ValueError, match=says):
        load(write(tmp_path, *places, number=1))
