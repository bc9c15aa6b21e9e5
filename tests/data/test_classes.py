"""Class names as people write them, and labels brought into the order of a network."""

import numpy as np
import pytest
import torch
from PIL import Image

from robustdial.data import class_names, from_tensors, load, renumbered

NAMES = ("cat", "dog", "owl")


def folder(root, names=NAMES, parts=("train", "test"), n=6):
    """Class k of `NAMES` is of grey level 60 k + i."""
    for part in parts:
        for name in names:
            place = root / part / name
            place.mkdir(parents=True)
            for i in range(n):
                level = 60 * (NAMES.index(name) if name in NAMES else 2) + i
                Image.fromarray(np.full((8, 8, 3), level, np.uint8)).save(place / f"{i}.png")
    return f"folder:{root}"


def levels(source):
    """The grey level of each image, and its label."""
    x, y = next(source.batches([torch.arange(len(source))]))
    return x[:, 0, 0, 0].tolist(), y.tolist()


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("c.txt", "cat\ndog\n\nowl\n"),
        ("c.txt", "0 cat\n1 dog\n2 owl\n"),
        ("c.txt", "3: owl\n1: cat\n2: dog\n"),
        ("c.txt", "\ufeffcat\r\ndog\r\nowl\r\n"),
        ("c.json", '["cat", "dog", "owl"]'),
        ("c.json", '{"owl": 2, "cat": 0, "dog": 1}'),
        ("c.json", '{"0": "cat", "2": "owl", "1": "dog"}'),
        (None, "cat, dog,owl"),
    ],
)
def test_names_are_read_in_every_form(tmp_path, file, text):
    if file:
        (tmp_path / file).write_text(text, encoding="utf-8")
    assert class_names(str(tmp_path / file) if file else text) == NAMES


def test_an_index_that_is_left_out_goes_by_its_number(tmp_path):
    (tmp_path / "c.json").write_text('{"dog": 3, "cat": 1}')
    assert class_names(str(tmp_path / "c.json")) == ("0", "cat", "2", "dog")


def test_a_line_that_begins_with_a_number_is_a_name_where_they_are_no_numbering(tmp_path):
    (tmp_path / "c.txt").write_text("3 doors\n5 doors\n")
    assert class_names(str(tmp_path / "c.txt")) == ("3 doors", "5 doors")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("cat", "one name only"),
        ("", "one name only"),
        ("cat,dog,cat", "cat twice"),
        ("cat,,dog", "one is empty"),
        ("nowhere.txt", "There is no file nowhere.txt"),
    ],
)
def test_names_that_cannot_be_meant_are_refused(text, words):
    with pytest.raises((ValueError, FileNotFoundError), match=words):
        class_names(text)


@pytest.mark.parametrize(
    "text", ["7", '{"cat": 0, "dog": 0}', '{"cat": -1, "dog": 0}', '{"cat": "x"}', '{"c": 1e9}', "{"]
)
def test_a_file_that_holds_no_names_is_named(tmp_path, text):
    (tmp_path / "c.json").write_text(text)
    with pytest.raises(ValueError, match=r"c\.json holds no class names"):
        class_names(str(tmp_path / "c.json"))


def test_labels_follow_the_given_order_by_name(tmp_path):
    data = load(folder(tmp_path), val=0.0, classes=("owl", "cat", "dog"))
    assert data.classes == ("owl", "cat", "dog")
    assert any("matched by name" in note for note in data.notes)
    for part in (data.train, data.test):
        found, labels = levels(part)
        assert [(level // 60 + 1) % 3 for level in found] == labels


def test_the_parts_are_those_of_a_set_that_was_read_in_that_order(tmp_path):
    """A run that was trained in another order finds its own validation images again."""
    other = tmp_path / "other"
    folder(tmp_path / "data", n=20)
    for part in ("train", "test"):
        for place, name in enumerate(("owl", "cat", "dog")):
            (other / part).mkdir(parents=True, exist_ok=True)
            (other / part / f"{place}{name}").symlink_to(tmp_path / "data" / part / name)
    again = load(f"folder:{tmp_path / 'data'}", val=0.2, limit=30, seed=3, classes=("owl", "cat", "dog"))
    before = load(f"folder:{other}", val=0.2, limit=30, seed=3)
    for part in ("train", "val", "test"):
        assert levels(getattr(again, part)) == levels(getattr(before, part))


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (("cat", "dog", "ant"), "ant is missing, owl is new"),
        (("cat", "dog", "owl", "ant"), "ant is missing"),
        (("cat", "dog"), "owl is new"),
    ],
)
def test_other_names_are_refused(tmp_path, names, words):
    with pytest.raises(ValueError, match=words):
        load(folder(tmp_path), classes=names)


def test_numbers_take_the_names_in_turn_and_that_is_said():
    x, y = torch.rand(12, 1, 8, 8), torch.arange(12) % 3
    numbers, named = from_tensors((x, y), (x, y)), from_tensors((x, y), (x, y), classes=NAMES)
    for data, classes in ((numbers, NAMES), (named, ("0", "1", "2"))):
        taken = renumbered(data, classes)
        assert levels(taken.test) == levels(data.test)
        assert "0 for cat, 1 for dog, 2 for owl are assumed" in taken.notes[-1]


def test_some_of_a_networks_classes_are_enough_to_measure_it(tmp_path):
    taken = renumbered(load(folder(tmp_path)), ("ant", "owl", "dog", "cat"))
    found, labels = levels(taken.test)
    assert [(3, 2, 1)[level // 60] for level in found] == labels
    assert "has no ant" in taken.notes[-1]
    with pytest.raises(ValueError, match="owl is none of ant, dog, cat"):
        renumbered(load(f"folder:{tmp_path}"), ("ant", "dog", "cat"))


def test_the_same_order_needs_no_word(tmp_path):
    assert load(folder(tmp_path), classes=NAMES).notes == load(f"folder:{tmp_path}").notes


@pytest.mark.parametrize("place", ["", "train"])
def test_a_list_beside_the_folders_is_used(tmp_path, place):
    name = folder(tmp_path)
    (tmp_path / place / "classes.txt").write_text("owl\ncat\ndog\n")
    data = load(name)
    assert data.classes == ("owl", "cat", "dog")
    assert any("The order of the classes is that of" in note for note in data.notes)
    assert load(name, classes=NAMES).classes == NAMES


def test_a_list_of_other_names_is_not_used_and_named(tmp_path):
    name = folder(tmp_path)
    (tmp_path / "classes.txt").write_text("tench\nshark\nhen\n")
    data = load(name)
    assert data.classes == NAMES
    assert "classes.txt is not used" in data.notes[-1]
