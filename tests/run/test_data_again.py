"""A network and a data set are matched by class name, wherever the data lies and whatever measures the network."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from robustdial import record
from robustdial.cli import main
from robustdial.data import from_tensors, load
from robustdial.run import trained, training_part
from robustdial.ship.hub import save_pretrained

NAMES = ("cat", "dog", "owl")
ORDER = "owl,cat,dog"
OTHERS = "images that are not those of the run's data"
TRAIN = ["train", "oat", "--data", "folder:set", "--model-width", "4", "--epochs", "2", "--steps", "1", "--eps", "0.02"]
TRAIN += ["--lambdas", "0", "1", "--code", "4", "--batch", "8", "--precision", "float32", "--classes", ORDER]

MEASURE = {
    "evaluate": "evaluate run --lam 0 --attack pgd-1 --n 12",
    "frontier": "frontier run --lams 0 1 --attack pgd-1 --n 12",
    "choose": "choose run --attack pgd-1 --n 6 --refine 0 --clean-min 0.1",
    "cross": "cross run --attack pgd-1 --n 12",
    "bake": "bake run --lam 0 --attack pgd-1 --format safetensors --n 12",
}


def write(root, names=NAMES, n=20):
    for part in ("train", "test"):
        for k, name in enumerate(names):
            (root / part / name).mkdir(parents=True)
            for i in range(n):
                Image.fromarray(np.full((8, 8, 3), 80 * k + i, np.uint8)).save(root / part / name / f"{i}.png")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder `set` with images, and beside it the folder `run` of a network that was trained on them."""
    root = tmp_path_factory.mktemp("made")
    write(root / "set")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        assert main.run([*TRAIN, "--out", "run"]) == 0
    return root


@pytest.fixture
def here(made, tmp_path, monkeypatch):
    """A copy of it, entered."""
    shutil.copytree(made, tmp_path / "here")
    about = record.read_json(tmp_path / "here" / "run" / record.RUN)
    places = {key: place.replace(str(made), str(tmp_path / "here")) for key, place in about["places"].items()}
    record.write_json(tmp_path / "here" / "run" / record.RUN, about | {"places": places})
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


def rename(root, old, new):
    for part in ("train", "test"):
        (root / "set" / part / old).rename(root / "set" / part / new)


@pytest.mark.parametrize("command", MEASURE)
def test_a_renamed_class_is_refused_by_every_command(here, command, capsys):
    rename(here, "owl", "ant")
    assert main.run(MEASURE[command].split()) == 2
    said = capsys.readouterr().err
    assert "owl is missing, ant is new" in said
    assert said.count("\n") == 1


def test_a_renamed_class_is_refused_when_resuming(here, capsys):
    rename(here, "owl", "ant")
    assert main.run([*TRAIN, "--out", "run", "--resume"]) == 2
    assert "owl is missing, ant is new" in capsys.readouterr().err


@pytest.mark.parametrize("command", MEASURE)
def test_another_order_is_matched_by_name_and_said(here, command, capsys):
    """The network knows owl, cat, dog, the folder cat, dog, owl: a classes.txt or a renaming since does not matter."""
    (here / "set" / "classes.txt").write_text("dog\nowl\ncat\n")
    assert main.run(MEASURE[command].split()) in (0, 1)
    assert "matched by name" in capsys.readouterr().out


def test_labels_are_those_of_the_network(here):
    data = trained(here / "run", "cpu").data
    assert data.classes == ("owl", "cat", "dog")
    x, y = next(data.test.batches([range_of(data.test)]))
    assert [(int(level) // 80 + 1) % 3 for level in x[:, 0, 0, 0].tolist()] == y.tolist()


def range_of(source):
    return (source.labels >= 0).nonzero().flatten()


@pytest.mark.parametrize("command", ["frontier", "bake"])
def test_the_data_is_found_from_another_directory(here, command, monkeypatch, tmp_path, capsys):
    (tmp_path / "there").mkdir()
    monkeypatch.chdir(tmp_path / "there")
    assert main.run(MEASURE[command].replace(" run", " ../here/run", 1).split()) in (0, 1), capsys.readouterr().err


def test_a_run_is_resumed_from_another_directory(here, monkeypatch, tmp_path, capsys):
    (tmp_path / "there").mkdir()
    monkeypatch.chdir(tmp_path / "there")
    flags = [flag.replace("folder:set", "folder:../here/set") for flag in TRAIN]
    assert main.run([*flags, "--out", "../here/run", "--resume"]) == 0, capsys.readouterr().err
    flags = [flag.replace("folder:set", "folder:../set") for flag in TRAIN]
    assert main.run([*flags, "--out", "../here/run", "--resume"]) == 2
    assert "data = folder:set, not folder:../set" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["choose", "cross"])
def test_data_that_was_moved_can_be_named(here, command, capsys):
    (here / "set").rename(here / "moved")
    assert main.run(MEASURE[command].split()) == 2
    assert "say where it is now: --data folder:PATH" in capsys.readouterr().err
    assert main.run([*MEASURE[command].split(), "--data", "folder:moved"]) in (0, 1), capsys.readouterr().err
    assert OTHERS not in capsys.readouterr().out


def test_other_images_of_the_same_classes_are_measured_and_named(here, capsys):
    write(here / "other", n=10)
    assert main.run([*MEASURE["evaluate"].split(), "--data", "folder:other"]) == 0
    assert OTHERS in capsys.readouterr().out
    (score,) = json.loads((here / "run" / "score.json").read_text())["scores"]
    assert score["dataset"] == "folder:other"
    assert any(OTHERS in note for note in score["notes"])


def test_points_on_other_images_are_not_taken_for_those_of_the_run(here):
    write(here / "other", n=20)
    for name in ("train", "test"):
        shutil.rmtree(here / "other" / name / "owl")
        shutil.copytree(here / "other" / name / "cat", here / "other" / name / "owl")
    measured = []
    for data in ("set", "other", "set"):
        assert main.run([*MEASURE["frontier"].split(), "--data", f"folder:{data}"]) == 0
        measured.append(json.loads((here / "run" / "frontier.json").read_text()))
    assert measured[0]["images"] == measured[2]["images"] != measured[1]["images"]


def test_images_of_another_size_are_refused(here, capsys):
    for file in (here / "set").rglob("*.png"):
        Image.open(file).resize((12, 12)).save(file)
    assert main.run(MEASURE["frontier"].split()) == 2
    assert "images of 3 x 12 x 12" in capsys.readouterr().err


def test_data_that_is_loaded_already_must_have_the_classes(here):
    x, y = (
        part[0] for part in zip(*load("folder:set").train.batches([range_of(load("folder:set").train)]), strict=True)
    )
    with pytest.raises(ValueError, match="cat, dog, owl, the run in"):
        trained(here / "run", "cpu", from_tensors((x, y), (x, y), classes=NAMES))


def test_where_the_data_lies_is_published_nowhere(here):
    assert main.run(MEASURE["bake"].split()) == 0
    assert main.run(MEASURE["frontier"].split()) == 0
    files = [here / "run" / "report.html", *(here / "run" / "baked" / "lam0").iterdir()]
    assert not [file for file in files if str(here).encode() in file.read_bytes()]


def test_a_comparison_keeps_its_classes(here, capsys):
    flags = ["--data", "folder:set", "--model-width", "4", "--epochs", "1", "--batch", "8", "--attack", "pgd-1"]
    assert main.run(["compare", "clean", *flags, "--out", "c"]) == 0
    rename(here, "owl", "ant")
    assert main.run(["compare", "--resume", "--out", "c"]) == 2
    assert "owl is missing, ant is new" in capsys.readouterr().err


def flat(root, n=20):
    """Images of the three classes that are not divided into parts."""
    for k, name in enumerate(NAMES):
        (root / name).mkdir(parents=True)
        for i in range(n):
            Image.fromarray(np.full((8, 8, 3), 80 * k + i, np.uint8)).save(root / name / f"{i}.png")


def run_on(data, out, *more):
    flags = [*TRAIN[:2], "--data", data, *TRAIN[4:], "--epochs", "1", "--out", str(out), *more]
    assert main.run(flags) == 0


@pytest.mark.parametrize("command", ["evaluate", "frontier", "cross", "bake"])
def test_other_images_without_parts_are_measured_whole(here, command, capsys):
    flat(here / "flat", 4)
    words = MEASURE[command].replace(" --n 12", "")
    assert main.run([*words.split(), "--data", "folder:flat"]) == 0, capsys.readouterr().err
    said = " ".join(capsys.readouterr().out.split())
    assert "all of its 12 images are measured" in said
    assert OTHERS in said


def test_what_needs_another_part_than_the_measured_one_is_refused_without_it(here, capsys):
    flat(here / "flat", 4)
    assert main.run([*MEASURE["choose"].split(), "--data", "folder:flat"]) == 2
    assert "folder:flat has no validation part to choose on" in capsys.readouterr().err
    with pytest.raises(ValueError, match="folder:flat has no training part"):
        training_part(trained(here / "run", "cpu", place="folder:flat").data)


def test_a_position_is_chosen_on_the_parts_of_other_images(here, capsys):
    write(here / "other", n=12)
    assert main.run([*MEASURE["choose"].split(), "--data", "folder:other"]) in (0, 1), capsys.readouterr().err
    assert json.loads((here / "run" / "choose.json").read_text())["part"] == "val"


def test_what_was_not_divided_keeps_its_parts_where_it_was_moved_to(here):
    """Moved images are those of the run: not all of them are measured, as of others."""
    flat(here / "flat")
    run_on("folder:flat", "x")
    before = trained(here / "x", "cpu").data
    (here / "flat").rename(here / "moved")
    after = trained(here / "x", "cpu", place="folder:moved").data
    assert (len(after.train), len(after.val), len(after.test)) == (len(before.train), len(before.val), len(before.test))
    assert OTHERS not in " ".join(after.notes)


def test_own_images_with_other_labels_are_refused(here, capsys):
    """As many images as before, in as many classes: an image of a cat now lies among the dogs."""
    (here / "set" / "train" / "cat" / "0.png").rename(here / "set" / "train" / "dog" / "a.png")
    assert main.run(MEASURE["evaluate"].split()) == 2
    said = capsys.readouterr().err
    assert "has changed since the run in run began" in said
    assert "--data" in said


def test_a_table_is_found_from_another_directory_and_read_as_the_run_reads_its_own(here, tmp_path, monkeypatch, capsys):
    for place in ("list.csv", "other.csv"):
        rows = [
            f"set/{part}/{name}/{i}.png,{name},{i % 2},{part}"
            for part in ("train", "test")
            for name in NAMES
            for i in range(20 if place == "list.csv" else 10)
        ]
        (here / place).write_text("\n".join(["file,what,other,split", *rows]) + "\n")
    run_on("csv:list.csv", "x", "--label", "what", "--background", "black")
    (tmp_path / "there").mkdir()
    monkeypatch.chdir(tmp_path / "there")
    for more in ([], ["--data", "csv:../here/other.csv"]):
        command = ["frontier", "../here/x", "--lams", "0", "--attack", "pgd-1", *more]
        assert main.run(command) == 0, capsys.readouterr().err


def test_what_was_measured_on_other_images_says_so_and_is_not_published_as_the_runs(here):
    flat(here / "flat", 4)
    assert main.run(["frontier", "run", "--lams", "0", "--attack", "pgd-1", "--data", "folder:flat"]) == 0
    assert OTHERS.replace("'", "&#39;") in (here / "run" / "report.html").read_text()
    save_pretrained(here / "run", here / "hub")
    assert "\n| lambda" not in (here / "hub" / "README.md").read_text()
    assert main.run(["frontier", "run", "--lams", "0", "--attack", "pgd-1"]) == 0
    save_pretrained(here / "run", here / "hub")
    assert "\n| lambda" in (here / "hub" / "README.md").read_text()
