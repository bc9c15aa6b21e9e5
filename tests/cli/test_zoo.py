"""`robustdial zoo NAME`: a published dial as a run folder, which every command takes."""

import json
import re

import pytest

from robustdial import record
from robustdial.app import open_demonstration
from robustdial.cli import main
from robustdial.ship.hub import save_pretrained
from robustdial.ship.zoo import shipped

NAME = "robustdial/digits-radial"
QUICK = "--attack pgd-1 --n 20 --device cpu"


@pytest.fixture
def folder(tmp_path):
    assert main.run(["zoo", NAME, "--out", str(tmp_path / "z")]) == 0
    return tmp_path / "z"


def test_every_command_takes_it(folder, capsys):
    for words in ("frontier {} --lams 0,1", "choose {} --clean-min 0.1 --refine 0", "cross {} --lams 0,1"):
        assert main.run([*words.format(folder).split(), *QUICK.split()]) == 0
    for words in ("evaluate {} --lam 0.5", "bake {} --lam 0.5 --format safetensors"):
        assert main.run([*words.format(folder).split(), *QUICK.split()]) == 0
    assert "not those of the run's data" not in capsys.readouterr().out
    assert len(open_demonstration(folder).samples) == 12


def test_it_is_the_network_that_was_published(folder):
    assert main.run(["frontier", str(folder), "--lams", "0.5", "--attack", "fgsm", "--device", "cpu"]) == 0
    (point,) = record.read_json(folder / record.FRONTIER)["points"]
    config = json.loads((shipped()[NAME] / record.CONFIG).read_text())
    known = next(one for one in config["points"] if one["lam"] == 0.5)
    assert point["n"] == known["n"] and point["clean"] == pytest.approx(known["clean"], abs=0.01)


def test_it_says_where_it_came_from(folder, capsys):
    about = record.read_run(folder)
    assert about["published"] == NAME and "machine" not in about and about["run"]["epochs"] == 14
    assert main.run(["report", str(folder)]) == 0
    page = (folder / record.REPORT).read_text()
    assert f"radial on digits. It was trained elsewhere, and published as {NAME}." in page
    assert "No epoch has been recorded" not in page
    capsys.readouterr()
    assert main.run(["train", "radial", "--resume", "--out", str(folder)]) == 2
    assert f"--start {folder} with a new --out" in capsys.readouterr().err


def test_other_images_are_measured_with_a_note(folder, capsys):
    about = json.loads((folder / record.RUN).read_text())
    about["data"]["labels"] = "of others"
    (folder / record.RUN).write_text(json.dumps(about))
    assert main.run(["evaluate", str(folder), "--lam", "1", *QUICK.split()]) == 0
    assert "data: Measured on images that are not those of the run's data" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words",
    [
        "app {}",
        "frontier {}",
        "choose {} --width-max 1",
        "cross {}",
        "evaluate {}",
        "bake {}",
        "report {}",
        "table {}",
        "push {} a/b",
    ],
)
def test_a_name_is_answered_with_the_line_that_makes_a_folder(words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main.run(words.format(NAME).split()) == 2
    told = capsys.readouterr().err
    assert told.endswith(f"with: robustdial zoo {NAME} --out runs/digits-radial\n") and told.count("\n") == 1
    assert not list(tmp_path.iterdir())


def without_division(folder):
    config = json.loads((folder / record.CONFIG).read_text())
    del config["data"]["labels"]
    (folder / record.CONFIG).write_text(json.dumps(config))


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("zoo digits-radial", f"The nearest is '{NAME}'"),
        ("zoo robustdial/digits", f"The nearest is '{NAME}'"),
        ("zoo --data digits", "--data: of which one?"),
        ("zoo run", "run is a run folder already"),
        ("evaluate --model robustdial/digits-radial --data digits", "a run is named without --model"),
        ("zoo saved", "saved does not say how its data was divided (labels)"),
        (f"zoo {NAME} --out run", "run already holds a run. Choose another --out."),
        (f"zoo {NAME} --out saved", "saved exists and is not an empty folder"),
    ],
)
def test_what_cannot_be_had_is_one_line(words, says, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "saved").mkdir()
    for file in shipped()[NAME].iterdir():
        (tmp_path / "saved" / file.name).write_bytes(file.read_bytes())
    without_division(tmp_path / "saved")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / record.RUN).write_text("{}")
    assert main.run(words.split()) == 2
    told = capsys.readouterr().err
    assert says in told and told.count("\n") == 1
    assert {path.name for path in tmp_path.iterdir()} == {"saved", "run"}


@pytest.mark.parametrize(
    ("file", "says"), [("compare.json", "one of its runs: c/oat-seed0"), ("generator.json", "gat")]
)
def test_a_folder_of_another_kind_says_what_it_is_good_for(file, says, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "c" / "oat-seed0").mkdir(parents=True)
    for path in (tmp_path / "c" / file, tmp_path / "c" / "oat-seed0" / record.RUN):
        path.write_text("{}")
    assert main.run(["frontier", "c"]) == 2
    assert says in capsys.readouterr().err


def test_what_was_taught_is_measured_without_its_teacher(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    small = "--limit 200 --epochs 1 --model-width 2 --labelled 60 --out"
    assert main.run(["train", "clean", *small.split(), "teacher"]) == 0
    assert main.run(["train", "rst", "--steps", "1", "--teacher", "teacher", *small.split(), "taught"]) == 0
    save_pretrained("taught", "saved")
    assert main.run(["zoo", "saved", "--out", "again"]) == 0
    assert main.run(["evaluate", "again", *QUICK.split()]) == 0
    assert main.run(["bake", "again", "--format", "safetensors", *QUICK.split()]) == 0
    about = record.read_json(tmp_path / "again" / "baked" / "plain" / record.CARD)["run"]
    assert (about["train"], about["unlabelled"], about["additional_data"]) == (60, 120, None)
    save_pretrained("again", "once more")
    for card in ("again/baked/plain/README.md", "once more/README.md"):
        assert re.search("[Pp]ublished (before )?as saved", (tmp_path / card).read_text())


def test_the_next_command_can_be_pasted(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main.run(["zoo", NAME, "--out", "my dial"]) == 0
    assert capsys.readouterr().out.endswith("next: robustdial frontier 'my dial'\n")
