"""A network with its dial in a folder as the hub has it. Nothing here goes online."""

import json
import re
import shutil
import sys
from types import SimpleNamespace

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from robustdial import clean_accuracy, load, open_model
from robustdial.cli import main
from robustdial.ship.hub import from_pretrained, save_pretrained
from robustdial.ship.zoo import shipped

TRAIN = ["--model-width=4", "--epochs=1", "--steps=2", "--eps=0.3", "--limit=300", "--device=cpu"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "small"
    assert main.run(["train", "oat", *TRAIN, "--lambdas", "0", "0.5", "1", "--out", str(folder)]) == 0
    assert main.run(["frontier", str(folder), "--attack", "pgd-1", "--n", "20", "--device", "cpu"]) == 0
    return folder


@pytest.fixture
def saved(run, tmp_path):
    save_pretrained(run, tmp_path / "saved")
    return tmp_path / "saved"


def test_what_is_loaded_is_what_was_saved(run, saved):
    x = torch.rand(3, 1, 8, 8)
    for lam in (0, 0.25, 1):
        assert torch.equal(from_pretrained(saved).at(lam)(x), open_model(run).at(lam)(x))
    assert {path.name for path in saved.iterdir()} == {"config.json", "model.safetensors", "preprocess.py", "README.md"}


def test_the_card_has_the_frontier_and_a_header(saved):
    card = (saved / "README.md").read_text()
    assert card.startswith("---\nlibrary_name: robustdial\n")
    lambdas = [line.split(" | ")[0] for line in card.splitlines() if line.startswith(("| 0", "| 1"))]
    assert lambdas == ["| 0", "| 0.25", "| 0.5", "| 0.75", "| 1"]
    assert "pgd-1, Linf, radius 0.3; 20 test images" in card
    assert ".at(0.5)" in card


def test_the_config_does_not_tell_where_the_run_was(saved, run):
    assert str(run.parent) not in (saved / "config.json").read_text()


def lose_a_weight(folder):
    weights = load_file(folder / "model.safetensors")
    weights.pop(next(iter(weights)))
    save_file(weights, folder / "model.safetensors")


def change(key, value):
    def breaking(folder):
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(config | {key: value}))

    return breaking


@pytest.mark.parametrize(
    ("breaking", "words"),
    [
        (lose_a_weight, "1 of"),
        (lambda folder: (folder / "model.safetensors").write_text("no tensors"), "does not hold a network"),
        (lambda folder: (folder / "model.safetensors").unlink(), "does not hold a network"),
        (lambda folder: (folder / "config.json").unlink(), "does not hold a network"),
        (lambda folder: (folder / "config.json").write_text("{"), "damaged"),
        (change("recipe", "oatt"), "oat"),
        (change("knobs", {"epz": 1}), "does not hold a network"),
        (change("model", None), "does not hold a network"),
    ],
)
def test_what_does_not_fit_is_refused(saved, breaking, words):
    breaking(saved)
    with pytest.raises(ValueError, match=words):
        from_pretrained(saved)


class Hub:
    """A hub that remembers what it was sent."""

    def __init__(self, error=None):
        self.error, self.sent = error, {}

    def create_repo(self, name, private, exist_ok):
        if self.error:
            raise self.error
        self.sent["repo"] = name, private

    def upload_folder(self, repo_id, folder_path, commit_message):
        from pathlib import Path

        self.sent["files"] = {path.name: path.read_bytes() for path in Path(folder_path).iterdir()}


@pytest.fixture
def hub(monkeypatch):
    def put(hub):
        monkeypatch.setitem(sys.modules, "huggingface_hub", SimpleNamespace(HfApi=lambda: hub))
        return hub

    return put


def test_push_sends_weights_config_and_card(run, hub, capsys):
    online = hub(Hub())
    assert main.run(["push", str(run), "somebody/digits", "--private"]) == 0
    assert online.sent["repo"] == ("somebody/digits", True)
    assert online.sent["files"].keys() == {"config.json", "model.safetensors", "preprocess.py", "README.md"}
    assert b'from_pretrained("somebody/digits").at(' in online.sent["files"]["README.md"]
    assert "https://huggingface.co/somebody/digits" in capsys.readouterr().out


def test_what_is_fetched_does_what_the_lines_of_its_card_say(run, monkeypatch, tmp_path, capsys):
    there, here = tmp_path / "there", tmp_path / "here"
    save_pretrained(run, there, "somebody/digits")
    here.mkdir()

    def fetch(name, revision, allow_patterns):
        for file in allow_patterns:
            shutil.copy(there / file, here)
        return here

    monkeypatch.setitem(sys.modules, "huggingface_hub", SimpleNamespace(snapshot_download=fetch))
    Image.new("L", (9, 12)).save(tmp_path / "photo.jpg")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(here)
    from_pretrained("somebody/digits")
    assert "preprocess" not in sys.modules  # fetched, not executed
    lines = re.search(r"(?s)```python\n(.*?)```", (here / "README.md").read_text())
    exec(lines[1], {})
    monkeypatch.delitem(sys.modules, "preprocess")
    assert capsys.readouterr().out.strip() in load("digits").classes


@pytest.mark.parametrize(
    ("name", "error", "words"),
    [
        (
            "somebody/digits",
            RuntimeError("401 Unauthorized\nmore"),
            "401 Unauthorized. Check the name (there is no folder of this name here), be online, and",
        ),
        ("digits", None, "Write it as user/name"),
    ],
)
def test_a_push_that_fails_is_one_line(run, hub, name, error, words, capsys):
    hub(Hub(error))
    assert main.run(["push", str(run), name]) == 2
    err = capsys.readouterr().err
    assert words in err
    assert err.count("\n") == 1


def test_without_the_package_one_line_says_how_to_get_it(run, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    assert main.run(["push", str(run), "somebody/digits"]) == 2
    assert "pip install 'robustdial[hf]'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("part", "change", "words"),
    [
        ("model", {"width": 10**6}, "no network here has more than"),
        ("model", {"width": 512}, "asks for a network of"),
        ("knobs", {"code": 10**9}, "asks for a network of"),
        ("data", {"shape": [1, 10**6, 10**6]}, "images of 1,000,000,000,000 values"),
        ("data", {"shape": "8x8"}, "data.shape is"),
        ("model", {"width": -3}, "model.width is -3"),
        ("knobs", {"eps": "big"}, "knobs of oat: eps is"),
    ],
)
def test_a_config_cannot_ask_for_more_than_the_weights_hold(saved, part, change, words):
    config = json.loads((saved / "config.json").read_text())
    (saved / "config.json").write_text(json.dumps(config | {part: config[part] | change}))
    with pytest.raises(ValueError, match=words):
        from_pretrained(saved)


def test_a_config_cannot_name_code_on_this_machine(saved, tmp_path):
    (tmp_path / "evil.py").write_text("raise AssertionError('it was run')")
    config = json.loads((saved / "config.json").read_text())
    (saved / "config.json").write_text(json.dumps(config | {"recipe": f"{tmp_path / 'evil.py'}:oat"}))
    with pytest.raises(ValueError, match="nor run from one"):
        from_pretrained(saved)


def test_weights_that_were_damaged_since_are_refused(saved):
    path = saved / "model.safetensors"
    data = bytearray(path.read_bytes())
    data[-3] ^= 0x10
    path.write_bytes(bytes(data))
    with pytest.raises(ValueError, match="not what its digest says"):
        from_pretrained(saved)


@pytest.mark.parametrize("name", shipped())
def test_what_comes_with_the_package_opens_by_its_name_without_the_hub(name, monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    model, folder = from_pretrained(name), shipped()[name]
    config = json.loads((folder / "config.json").read_text())
    x = torch.rand(2, *config["data"]["shape"])
    assert (model.at(0.0)(x) - model.at(1.0)(x)).abs().max() > 1e-3
    assert (folder / "model.safetensors").stat().st_size < 4e6
    card = (folder / "README.md").read_text()
    assert f'from_pretrained("{name}")' in card and "test images" in card and "/" not in config["data"]["name"]


def test_what_comes_with_the_package_is_listed(capsys):
    assert main.run(["zoo"]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in shipped())


def test_a_shipped_dial_is_as_accurate_as_it_says():
    config = json.loads((shipped()["robustdial/digits-radial"] / "config.json").read_text())
    model, test = from_pretrained("robustdial/digits-radial"), load("digits").test
    for point in config["points"]:
        assert clean_accuracy(model.at(point["lam"]), test).value == pytest.approx(point["clean"], abs=0.01)


def test_what_was_published_is_a_run_again(run, saved, tmp_path, capsys):
    assert main.run(["zoo", str(saved), "--out", str(tmp_path / "again")]) == 0
    made, pushed = ((folder / "preprocess.py").read_text() for folder in (tmp_path / "again", saved))
    assert made == pushed
    told = []
    for folder in (run, tmp_path / "again"):
        assert main.run(["evaluate", str(folder), "--lam", "1", "--attack", "pgd-1", "--n", "20"]) == 0
        score = json.loads((folder / "score.json").read_text())["scores"][-1]
        told.append([score[key] for key in ("clean", "robust", "n", "weights", "notes")])
    assert told[0] == told[1]
