"""Labels are those that are meant: by the name of the column, by the names of the classes, from a list of files."""

from __future__ import annotations

import io
import re

import pytest
import torch
from PIL import Image

from robustdial.data import load, load_to_measure
from robustdial.data.soundness import rows_of

N = 24


def cell(value: int) -> dict[str, object]:
    file = io.BytesIO()
    Image.new("RGB", (8, 8), (value, 0, 0)).save(file, "PNG")
    return {"bytes": file.getvalue(), "path": None}


@pytest.fixture
def columns(datasets, parquet):
    """`columns(name=values or (kind, values))`: a parquet set of images, whose red value is their number, and these."""

    def make(**more):
        kinds = {"image": datasets.Image()}
        kinds |= {name: given[0] for name, given in more.items() if isinstance(given, tuple)}
        values = {"image": [cell(n) for n in range(N)]}
        values |= {name: given[1] if isinstance(given, tuple) else given for name, given in more.items()}
        table = datasets.Dataset.from_dict(values)
        for name, kind in kinds.items():
            table = table.cast_column(name, kind)
        return f"parquet:{parquet(train=table)}"

    return make


WORDS = ["cat" if n % 2 else "dog" for n in range(N)]
FOLDS = [n % 4 for n in range(N)]
TEXTS = [f"photograph {n}" for n in range(N)]


@pytest.mark.parametrize(
    ("more", "classes"),
    [
        ({"label": WORDS, "fold": FOLDS}, ("cat", "dog")),
        ({"class": WORDS, "fold": FOLDS}, ("cat", "dog")),
        ({"species": WORDS, "fold": FOLDS, "caption": TEXTS, "year": [2000] * N}, ("cat", "dog")),
        ({"label": FOLDS, "source": WORDS}, ("0", "1", "2", "3")),
        ({"Labels": FOLDS, "source": WORDS}, ("0", "1", "2", "3")),
        ({"target": FOLDS, "caption": TEXTS}, ("0", "1", "2", "3")),
        ({"class": FOLDS, "camera": WORDS}, ("0", "1", "2", "3")),
        ({"target": FOLDS, "width": [8] * N}, ("0", "1", "2", "3")),
        ({"label": [str(10 * k) for k in FOLDS]}, ("0", "10", "20", "30")),
        ({"label": [n % 2 == 0 for n in range(N)]}, ("False", "True")),
    ],
)
def test_the_column_of_the_labels_is_found(columns, more, classes):
    data = load(columns(**more), val=0)
    assert data.classes == classes
    x, y = next(data.train.batches([torch.arange(len(data.train))]))
    given = next(values for name, values in more.items() if str(values[0]) in classes)
    assert [classes[k] for k in y.tolist()] == [str(given[n]) for n in x[:, 0, 0, 0].tolist()]


def test_columns_that_were_not_taken_are_noted(columns):
    notes = load(columns(label=WORDS, fold=FOLDS)).notes
    assert "Labels are the column label; not used: fold." in notes


def test_of_several_columns_one_has_to_be_named(columns, datasets):
    coarse, fine = datasets.ClassLabel(names=["x", "y"]), datasets.ClassLabel(names=["p", "q", "r", "s"])
    name = columns(coarse_label=(coarse, [n % 2 for n in range(N)]), fine_label=(fine, FOLDS))
    says = "several columns of labels: coarse_label, fine_label. Name one with --label COLUMN"
    with pytest.raises(ValueError, match=re.escape(says)):
        load(name)
    assert load(name, label="fine_label").classes == ("p", "q", "r", "s")
    assert load(name, label="coarse_label").classes == ("x", "y")
    with pytest.raises(ValueError, match=r"has no column 'finelabel' for --label. There are coarse_label, fine"):
        load(name, label="finelabel")


@pytest.mark.parametrize("more", [{"a": WORDS, "b": WORDS}, {"a": FOLDS, "b": FOLDS}])
def test_columns_alike_are_refused_with_the_candidates(columns, more):
    with pytest.raises(ValueError, match=r"several columns of labels: a, b. Name one with --label"):
        load(columns(**more))


def test_the_column_of_the_images_can_be_named(columns, datasets):
    name = columns(label=WORDS, mask=(datasets.Image(), [cell(200 + n) for n in range(N)]))
    with pytest.raises(ValueError, match=r"several columns of images: image, mask. Name one with --image"):
        load(name)
    x, _ = next(load(name, image="mask").train.batches([torch.arange(1)]))
    assert x[0, 0, 0, 0] >= 200


@pytest.mark.parametrize("value", [None, "", "  "])
def test_a_row_without_label_is_named(columns, value):
    with pytest.raises(ValueError, match=r"Row 5 of .* \(train\) has no label"):
        load(columns(label=[*WORDS[:5], value, *WORDS[6:]]))


@pytest.mark.parametrize("asked", [{"label": "x"}, {"image": "x"}])
@pytest.mark.parametrize("kind", ["digits", "folder"])
def test_a_column_is_not_named_for_a_set_without(folder, asked, kind):
    name = kind if kind == "digits" else f"folder:{folder(**{'.': 6})}"
    with pytest.raises(ValueError, match=f"{next(iter(asked))}='x' names a column, and .* has none"):
        load(name, **asked)


def named(datasets, names: list[str], animals: list[str]) -> object:
    """A table whose red value tells the animal, whatever its number."""
    kinds = {"image": datasets.Image(), "label": datasets.ClassLabel(names=names)}
    rows = {"image": [cell(100 * (a == "dog")) for a in animals], "label": [names.index(a) for a in animals]}
    return datasets.Dataset.from_dict(rows, features=datasets.Features(kinds))


def dogs_are_dogs(data) -> bool:
    parts = [next(part.batches([torch.arange(len(part))])) for part in (data.train, data.val, data.test)]
    return all(
        (data.classes[k] == "dog") == (red == 100)
        for x, y in parts
        for red, k in zip(x[:, 0, 0, 0].tolist(), y.tolist(), strict=True)
    )


ANIMALS = ["dog", "cat"] * 10


def test_parts_that_count_their_classes_in_another_order_are_matched_by_name(datasets, parquet):
    path = parquet(train=named(datasets, ["cat", "dog"], ANIMALS), test=named(datasets, ["dog", "cat"], ANIMALS))
    data = load(f"parquet:{path}")
    assert data.classes == ("cat", "dog")
    assert dogs_are_dogs(data)


def test_so_are_the_files_of_one_part(datasets, parquet):
    files = {"train-0": named(datasets, ["cat", "dog"], ANIMALS), "train-1": named(datasets, ["dog", "cat"], ANIMALS)}
    data = load(f"parquet:{parquet(**files)}")
    assert len(data.train) + len(data.val) + len(data.test) == 40
    assert dogs_are_dogs(data)


def test_so_are_the_splits_of_a_hub(datasets, monkeypatch):
    splits = datasets.DatasetDict(
        Training=named(datasets, ["cat", "dog"], ANIMALS),
        dev=named(datasets, ["dog", "cat"], ANIMALS),
        test=named(datasets, ["dog", "cow", "cat"], ANIMALS),
        extra=named(datasets, ["dog", "cat"], ANIMALS),
    )
    monkeypatch.setattr(datasets, "load_dataset", lambda name: splits)
    data = load("hf:someone/animals")
    assert (data.classes, len(data.train), len(data.val), len(data.test)) == (("cat", "dog"), 20, 20, 20)
    assert dogs_are_dogs(data)
    assert "Splits that are not used: extra." in data.notes


def test_a_class_that_is_not_trained_on_is_named(datasets, parquet):
    test = named(datasets, ["cow", "dog"], ["cow", "dog"])
    with pytest.raises(ValueError, match="test images are of classes that the training images are not: cow"):
        load(f"parquet:{parquet(train=named(datasets, ['cat', 'dog'], ANIMALS), test=test)}")


@pytest.mark.parametrize("names", [("Train", "VALID-0", "test"), ("animals_train", "animals_dev", "animals-testing-3")])
def test_parquet_files_are_of_the_part_that_their_names_say(datasets, parquet, names):
    path = parquet(**{name: named(datasets, ["cat", "dog"], ANIMALS) for name in (*names, "more")})
    data = load(f"parquet:{path}")
    assert (len(data.train), len(data.val), len(data.test)) == (20, 20, 20)
    assert "Left out, of no part by its name: more.parquet." in data.notes


def test_parquet_files_may_lie_in_folders_of_parts_and_in_brackets(datasets, parquet, tmp_path):
    path = parquet(train=named(datasets, ["cat", "dog"], ANIMALS), test=named(datasets, ["cat", "dog"], ANIMALS[:4]))
    place = tmp_path / "set [v2]"
    for part, folder in (("train", "Training"), ("test", "Test")):
        (place / folder).mkdir(parents=True)
        (path / f"{part}.parquet").rename(place / folder / "0000.parquet")
    data = load(f"parquet:{place}")
    assert (len(data.train) + len(data.val), len(data.test)) == (20, 4)


def test_files_without_rows_are_passed_over_and_missing_ones_noted(datasets, parquet):
    rows = named(datasets, ["cat", "dog"], ANIMALS)
    path = parquet(**{"train-0-of-3": rows.select([]), "train-1-of-3": rows, "test-0-of-1": rows})
    data = load(f"parquet:{path}", val=0)
    assert (len(data.train), len(data.test)) == (20, 20)
    assert "Of train-*-of-3.parquet 2 of 3 files are there." in data.notes
    (path / "train-1-of-3.parquet").unlink()
    with pytest.raises(ValueError, match=r"The train part of parquet:\S* has no rows\. Add some"):
        load(f"parquet:{path}")


def test_a_test_file_alone_can_be_measured(datasets, parquet):
    data, part = load_to_measure(f"parquet:{parquet(test=named(datasets, ['cat', 'dog'], ANIMALS))}")
    assert (part, len(data.test), len(data.train)) == ("test", 20, 0)


def test_a_file_that_unpacks_to_far_more_than_it_is_is_refused(tmp_path, monkeypatch):
    pyarrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    from pyarrow import parquet as writer

    from robustdial.data import soundness

    monkeypatch.setattr(soundness, "ROOM", 2**20)
    writer.write_table(pyarrow.table({"image": [b"\0" * 100_000] * 400}), tmp_path / "bomb.parquet", compression="zstd")
    with pytest.raises(ValueError, match=r"bomb.parquet has .* bytes and unpacks to more than 64 times that"):
        rows_of(tmp_path / "bomb.parquet")


@pytest.mark.parametrize("features", [b"no json", b'{"info": {"features": {"image": {"_type": "Value"}}}}'])
def test_damaged_words_about_a_table_are_refused_in_a_line(tmp_path, datasets, features):
    pyarrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    from pyarrow import parquet as writer

    table = pyarrow.table({"image": [b"1", b"2"], "label": [0, 1]}).replace_schema_metadata({"huggingface": features})
    writer.write_table(table, tmp_path / "odd.parquet")
    with pytest.raises(ValueError, match=r"odd.parquet cannot be read as parquet") as error:
        load(f"parquet:{tmp_path / 'odd.parquet'}")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("train", "test", "says"),
    [
        ({"label": WORDS}, {"label": FOLDS}, "label holds words in one file and numbers in another"),
        ({"label": [None, *FOLDS[1:]]}, {"label": FOLDS}, "Row 0 of the train part has no label"),
        (
            {"label": FOLDS, "split": ["train", "test"] * (N // 2)},
            {"label": FOLDS, "split": ["test"] * N},
            r"column split seems to say which part a row is of \(test, train\)\. Save each part as a file",
        ),
    ],
)
def test_tables_that_cannot_be_meant_are_refused_in_a_line(datasets, parquet, train, test, says):
    tables = [
        datasets.Dataset.from_dict({"image": [cell(n) for n in range(N)], **columns}).cast_column(
            "image", datasets.Image()
        )
        for columns in (train, test)
    ]
    with pytest.raises(ValueError, match=says) as error:
        load(f"parquet:{parquet(train=tables[0], test=tables[1])}")
    assert "\n" not in str(error.value)


@pytest.fixture
def listed(tmp_path):
    """`listed(head, *rows)`: list.csv of these lines, beside images/0.png to 11.png whose red value is their number."""

    def make(*lines: str, name: str = "list.csv", encoding: str = "utf-8") -> str:
        (tmp_path / "images").mkdir(exist_ok=True)
        for n in range(12):
            Image.new("RGB", (8, 8), (n, 0, 0)).save(tmp_path / "images" / f"{n}.png")
        (tmp_path / name).write_text("\n".join(lines) + "\n", encoding=encoding)
        return f"csv:{tmp_path / name}"

    return make


def rows(separator: str = ",", extra: str = "") -> list[str]:
    return [f"images/{n}.png{separator}{'cat' if n % 2 else 'dog'}{extra}" for n in range(12)]


@pytest.mark.parametrize(
    ("lines", "encoding"),
    [
        (["file,label", *rows()], "utf-8"),
        (["image,class", *rows()], "utf-8"),
        (["picture;what", *rows(";")], "utf-8-sig"),
        (["filename\tlabel\tfold", *rows("\t", "\t3")], "utf-8"),
        (["file, label, caption", *rows(", ", ', "big, and old"'), ""], "utf-8"),
        (["PK,file,label", *(f"{n},{row}" for n, row in enumerate(rows()))], "utf-8"),
    ],
)
def test_a_csv_file_names_files_and_labels(listed, lines, encoding):
    data = load(listed(*lines, encoding=encoding), val=0)
    assert data.classes == ("cat", "dog")
    for part in (data.train, data.test):
        x, y = next(part.batches([torch.arange(len(part))]))
        assert [data.classes[k] for k in y.tolist()] == ["cat" if n % 2 else "dog" for n in x[:, 0, 0, 0].tolist()]


def test_a_csv_file_may_say_the_part_of_each_row(listed):
    parts = ["train"] * 6 + ["Valid"] * 2 + ["TEST"] * 4
    data = load(listed("file,label,Split", *(f"{row},{part}" for row, part in zip(rows(), parts, strict=True))))
    assert (len(data.train), len(data.val), len(data.test)) == (6, 2, 4)
    x, _ = next(data.val.batches([torch.arange(2)]))
    assert x[:, 0, 0, 0].tolist() == [6, 7]


def test_a_column_of_parts_is_known_by_its_words(listed):
    parts = ["Training"] * 6 + ["valid"] * 2 + ["test"] * 4
    data = load(listed("file,label,Usage", *(f"{row},{part}" for row, part in zip(rows(), parts, strict=True))))
    assert (len(data.train), len(data.val), len(data.test)) == (6, 2, 4)
    assert "Parts are those of the column Usage." in data.notes


@pytest.mark.parametrize("words", [("2.0", "10.0"), ("2.0e+00", "1.0e+01")])
def test_labels_that_are_numbers_with_a_point_are_in_the_order_of_numbers(listed, words):
    assert load(listed("file,label", *(f"images/{n}.png,{words[n % 2]}" for n in range(12)))).classes == words


@pytest.mark.parametrize(("words", "noted"), [("cat cat|dog dog", True), ("cat sea|dog dog", False)])
def test_a_class_that_is_made_of_others_is_noted(listed, words, noted):
    lines = [f"images/{n}.png,{words.split()[n % 3]}" for n in range(12)]
    notes = [note for note in load(listed("file,label", *lines)).notes if "several at once: cat|dog" in note]
    assert len(notes) == noted


def test_columns_of_a_csv_file_can_be_named(listed):
    name = listed("file,coarse,fine", *(f"{row},{'xyz'[n % 3]}" for n, row in enumerate(rows())))
    with pytest.raises(ValueError, match=r"several columns of labels: coarse, fine. Name one with --label"):
        load(name)
    assert load(name, label="fine").classes == ("x", "y", "z")
    assert load(name, label="coarse", image="file").classes == ("cat", "dog")


MISSING = ("None", "N/A", "#N/A", "null", "NULL", "NA", "?", "<NA>")


@pytest.mark.parametrize("words", [("-2", "-1", "1"), ("1", "2", "255"), ("b", "na", "none"), ("-1", "255", "a")])
def test_what_may_be_a_class_is_one(listed, words):
    data = load(listed("file,label", *(f"images/{n}.png,{words[n % 3]}" for n in range(12))))
    assert data.classes == words


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ([], "has no rows"),
        (["file,label"], "has no rows"),
        (rows(), "its first line names a file: images/0.png"),
        (["file,label", *rows(), "images/0.png,dog"], "names images/0.png twice"),
        (["file,label", *rows(), "./images/0.png,dog"], "twice"),
        (
            ["file,label", *rows(), "images/99.png,dog", "b.png,cat"],
            "2 of 14 files are not there: images/99.png, b",
        ),
        (["file,label", *rows(), "IMAGES\\\\3.PNG,dog"], r"3.PNG; there is images/3\.png\. Names are"),
        (["file,label", *(f"{n},{n % 2}" for n in range(12))], r"not there: 0, 1, 2, \.\.\.; there is images/0\.png"),
        (["# of mine", "file,label", *rows()], r"its first line has 1 cells \(# of mine\) and all others have 2"),
        (["file label", *rows(" ")], "has one column only, file label. Give a column of files and one of labels"),
        (["file,label", *rows(), "images/0.png"], "line 14 has 1 cells, and there are 2 columns"),
        (["file,label", *rows()[:-1], "images/11.png,"], "row 13 has no label"),
        (["file,label", *rows()[:-1], "images/11.png,NaN"], "NaN in the column label is often the mark"),
        (["file,label", *(f"images/{n}.png,{n % 3 - 1}" for n in range(12))], "-1 in the column label is often"),
        (
            ["file,label", *(f"images/{n}.png,{(1, 2, -1)[n % 3]}" for n in range(12))],
            "-1 in the column label is often",
        ),
        (["file,label", *(f"images/{n}.png,{(0, 1, 255)[n % 3]}" for n in range(12))], "255 in the column label is"),
        *((["file,label", *rows()[:-1], f"images/11.png,{word}"], "often the mark") for word in MISSING),
        (["file,label", *rows()[:-1], "images/11.png,Unlabelled"], "class Unlabelled seems to hold images without"),
        (['{"file_name": "images/0.png", "label": 0}'], "is no CSV but JSON"),
        (["file,label,set", *rows(extra=",train")[:-1], "images/11.png,cat,PublicTest"], "column set seems to say"),
        (["file,label,is_train", *rows(extra=",1")[:-1], "images/11.png,cat,0"], r"column is_train seems .*\(0, 1\)"),
        (["file,label,a,b", *rows(extra=",train,test")], "several columns of parts: a, b"),
        (["file,file", *rows()], "does not give each column a name of its own"),
        (["file,label,split", *rows(extra=",train")[:-1], "images/11.png,cat,other"], "row 13 is of the part 'other'"),
    ],
)
def test_a_csv_file_that_cannot_be_meant_is_refused_in_a_line(listed, lines, says):
    with pytest.raises((ValueError, FileNotFoundError), match=says) as error:
        load(listed(*lines))
    assert "\n" not in str(error.value)


def test_a_csv_file_that_is_not_there_or_no_text_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"There is no file .*none.csv"):
        load(f"csv:{tmp_path / 'none.csv'}")
    for start, kind in (
        (b"PK\3\4", "zip archive"),
        (b"\x1f\x8b", "gzip"),
        (b"PAR1", "Parquet"),
        (b"\xff\xfe", "UTF-16"),
        (b"\x93NUMPY", "array of numpy"),
        (b"\0" * 257 + b"ustar", "tar archive"),
    ):
        (tmp_path / "other.csv").write_bytes(start + bytes(20))
        with pytest.raises(ValueError, match=rf"is no CSV but .*{kind}.* Save it as CSV"):
            load(f"csv:{tmp_path / 'other.csv'}")
    (tmp_path / "binary.csv").write_bytes(b"file,label\n\xff\xfe\x00,1\n")
    with pytest.raises(ValueError, match="cannot be read as CSV in UTF-8"):
        load(f"csv:{tmp_path / 'binary.csv'}")
