"""`robustdial bake` as a user meets it."""

import json

import pytest
import torch

from robustdial import from_tensors, open_model, record
from robustdial.attack import Square
from robustdial.cli import main
from robustdial.ship import bake

SETTINGS = {
    "model-width": 4,
    "epochs": 1,
    "steps": 2,
    "eps": 0.3,
    "limit": 300,
    "precision": "float32",
    "device": "cpu",
}
TRAIN = [f"--{name}={value}" for name, value in SETTINGS.items()]
QUICK = ["--attack", "pgd-2", "--n", "40", "--device", "cpu"]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two small runs: with a dial and without one."""
    folder = tmp_path_factory.mktemp("runs")
    for recipe in ("oat", "pgd-at"):
        assert main.run(["train", recipe, *TRAIN, "--out", str(folder / recipe)]) == 0
    return folder


def test_bake_writes_the_network_and_what_is_known_of_it(runs, capsys):
    assert main.run(["bake", str(runs / "oat"), "--lam", "0.25", *QUICK]) == 0
    folder = runs / "oat" / "baked" / "lam0.25"
    assert {path.name for path in folder.iterdir()} == {"model.pt2", "card.json", "README.md", "preprocess.py"}
    about = json.loads((folder / "card.json").read_text())
    assert (about["network"]["lam"], about["network"]["width"], about["measured"]["n"]) == (0.25, 1.0, 40)
    assert about["measured"]["attack"] == "pgd-2"
    assert not about["measured"]["trained"]
    file = about["files"]["model.pt2"]
    assert file["bytes"] == (folder / "model.pt2").stat().st_size
    assert file["parity"]["difference"] <= file["tolerance"] * file["parity"]["scale"]
    card, out = (folder / "README.md").read_text(), capsys.readouterr().out
    for words in (
        "Linf, radius 0.3",
        "pgd-2",
        "upper bound",
        "95 %",
        "oat",
        "digits",
        'torch.export.load("model.pt2")',
    ):
        assert words in card
    assert "torch.export.load" in out


def test_what_is_baked_is_what_the_run_serves(runs, tmp_path):
    assert main.run(["bake", str(runs / "oat"), "--lam", "0.4", *QUICK, "--out", str(tmp_path / "here")]) == 0
    x = torch.rand(3, 1, 8, 8)
    net = torch.export.load(tmp_path / "here" / "model.pt2").module()
    torch.testing.assert_close(net(x), open_model(runs / "oat").at(0.4)(x), rtol=1e-5, atol=1e-5)


def test_formats_of_the_same_network_share_a_card(runs, tmp_path):
    for format in ("safetensors", "pt2"):
        command = ["bake", str(runs / "pgd-at"), "--format", format, *QUICK, "--out", str(tmp_path)]
        assert main.run(command) == 0
    assert record.read_json(tmp_path / "card.json")["files"].keys() == {"model.safetensors", "model.pt2"}


def test_a_flag_that_takes_several_may_be_given_twice(runs, tmp_path):
    words = ["--format", "safetensors", "--format=pt2", *QUICK, "--out", str(tmp_path)]
    assert main.run(["bake", str(runs / "pgd-at"), *words]) == 0
    assert record.read_json(tmp_path / "card.json")["files"].keys() == {"model.safetensors", "model.pt2"}


def test_robustbench_gets_its_module_and_its_words(runs, tmp_path):
    command = ["bake", str(runs / "oat"), "--lam", "0.4", "--format", "robustbench", *QUICK, "--out", str(tmp_path)]
    assert main.run(command) == 0
    point, info = record.read_json(tmp_path / "card.json")["measured"], record.read_json(tmp_path / "robustbench.json")
    assert {"robustbench_model.py", "robustbench_model.pt2"} < {path.name for path in tmp_path.iterdir()}
    assert (info["dataset"], info["eps"], info["additional_data"]) == ("digits", "0.3", False)
    assert (info["clean_acc"], info["autoattack_acc"]) == (f"{100 * point['clean']:.2f}", None)


def test_eight_bits_are_measured_on_their_own(runs, tmp_path, monkeypatch):
    pytest.importorskip("onnxruntime")
    monkeypatch.setattr(bake, "SQUARE", Square(queries=5))
    command = ["bake", str(runs / "pgd-at"), "--format", "onnx-int8", *QUICK, "--out", str(tmp_path)]
    assert main.run(command) == 0
    about = record.read_json(tmp_path / "card.json")
    assert about["files"].keys() == {"model.onnx", "model.int8.onnx"}
    assert "measured" not in about["files"]["model.onnx"]
    file = about["files"]["model.int8.onnx"]
    assert file["measured"]["attack"] == "pgd-2 on the float32 network, then square-5 on this one"
    assert (file["measured"]["n"], file["speedup"]["over"]) == (40, "model.onnx")
    assert "An adversary who attacks this file itself may do better" in (tmp_path / "README.md").read_text()


def test_a_format_is_calibrated_on_all_classes_of_sorted_images():
    labels = torch.arange(4).repeat_interleave(25)
    images = labels.view(-1, 1, 1, 1).expand(-1, 1, 8, 8).to(torch.uint8)
    source = from_tensors((images, labels), (images, labels), val=0).test
    assert (255 * bake.some(source, 8)).amax((1, 2, 3)).round().tolist() == [0, 0, 1, 1, 2, 2, 3, 3]


def test_a_folder_of_another_network_is_left_alone(runs, tmp_path, capsys):
    assert main.run(["bake", str(runs / "pgd-at"), *QUICK, "--out", str(tmp_path)]) == 0
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert main.run(["bake", str(runs / "oat"), "--lam", "0", *QUICK, "--out", str(tmp_path)]) == 2
    assert "another network" in capsys.readouterr().err
    assert before == {path.name: path.read_bytes() for path in tmp_path.iterdir()}


def test_a_file_in_the_place_of_the_folder_is_left_alone(runs, tmp_path, capsys):
    (tmp_path / "file").write_text("mine")
    assert main.run(["bake", str(runs / "pgd-at"), *QUICK, "--out", str(tmp_path / "file")]) == 2
    assert "is a file. Choose another --out" in capsys.readouterr().err
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize(
    ("run", "argv", "words"),
    [
        ("oat", ["--lam", "1.5"], "lam=1.5 is not on this dial"),
        ("oat", [], "Say where it stands: --lam, in Python lam=, from 0 to 1"),
        ("oat", ["--lam", "0.2", "--width", "0.3"], "width=0.3 is not on this dial"),
        ("oat", ["--lam", "0.2", "--format", "onx"], "The nearest is 'onnx'"),
        ("oat", ["--lam", "0.2", "--format"], "--format names nothing"),
        ("oat", ["--lam", "0.2", "--attack", "gpd-3"], "not an attack"),
        ("oat", ["--lam", "0.2", "--n", "0"], "at least one image"),
        ("pgd-at", ["--lam", "0.2"], "has no dial"),
        ("pgd-at", ["--width", "0.5"], "has no dial"),
        ("nothing", [], "not a run folder"),
    ],
)
def test_nonsense_is_one_line_and_writes_nothing(runs, run, argv, words, tmp_path, capsys):
    assert main.run(["bake", str(runs / run), "--device", "cpu", *argv, "--out", str(tmp_path / "out")]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1, err
    assert words in err
    assert not (tmp_path / "out").exists()


def test_a_name_that_ends_in_a_format_is_that_file(runs, tmp_path, capsys):
    command = ["bake", str(runs / "oat"), "--lam", "0.4", *QUICK, "--out", str(tmp_path / "my-net.pt2")]
    assert main.run(command) == 0
    assert {path.name for path in tmp_path.iterdir()} == {
        "my-net.pt2",
        "my-net.json",
        "my-net.md",
        "my_net_preprocess.py",
    }
    net = torch.export.load(tmp_path / "my-net.pt2").module()
    assert net(torch.rand(2, 1, 8, 8)).shape == (2, 10)
    card = (tmp_path / "my-net.md").read_text()
    assert 'torch.export.load("my-net.pt2")' in card
    assert "from my_net_preprocess import CLASSES, preprocess" in card
    assert main.run(command) == 0  # the same network once more
    command[3] = "0.2"
    assert main.run(command) == 2
    assert "holds another network" in capsys.readouterr().err


def test_a_file_of_somebody_else_is_not_overwritten(runs, tmp_path, capsys):
    (tmp_path / "net.pt2").write_text("mine")
    assert main.run(["bake", str(runs / "pgd-at"), *QUICK, "--out", str(tmp_path / "net.pt2")]) == 2
    assert "is there already" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["net.pt2"]


def test_a_file_holds_one_format(runs, tmp_path, capsys):
    command = ["bake", str(runs / "pgd-at"), "--format", "onnx", *QUICK, "--out", str(tmp_path / "net.pt2")]
    assert main.run(command) == 2
    assert "names one file, of format pt2" in capsys.readouterr().err


def test_the_card_says_how_to_feed_the_network(runs, tmp_path):
    assert main.run(["bake", str(runs / "pgd-at"), *QUICK, "--out", str(tmp_path)]) == 0
    fed, card = record.read_json(tmp_path / "card.json")["input"], (tmp_path / "README.md").read_text()
    assert (fed["size"], fed["channels"], fed["range"]) == ({"height": 8, "width": 8}, "grey", [0, 1])
    for words in ("8 x 8 (height, width)", "channels: grey", "divided by 255", "images = preprocess("):
        assert words in card
