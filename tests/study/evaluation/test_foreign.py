"""Networks that were not trained here, from the command line."""

import json
import sys

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from robustdial.cli import main
from robustdial.models import build
from robustdial.study.evaluation import drawn_anew, load_foreign

NET = """
from torch import nn
import part

def build():
    return nn.Sequential(nn.Flatten(), part.layer())

def inside():
    import part as again
    return nn.Sequential(nn.Flatten(), again.layer())

def narrow():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 4))

def lost():
    import nowhere

def other():
    return "a string"

def pair():
    class Pair(nn.Sequential):
        def forward(self, x):
            return x, super().forward(x)
    return Pair(nn.Flatten(), part.layer())

def cut():
    class Cut(nn.Sequential):
        def forward(self, x):
            return super().forward(x).detach()
    return Cut(nn.Flatten(), part.layer())

def key():
    return {}["width"]

def leaves():
    raise SystemExit(3)

def nothing():
    nn.Flatten()

def told(classes, shape):
    return nn.Sequential(nn.Flatten(), nn.Linear(shape[1] * shape[2], classes))

def half():
    net = build()
    nn.init.zeros_(net[1].bias)
    return net

def filled():
    from safetensors.torch import load_file
    net = build()
    net.load_state_dict(load_file("w.safetensors"))
    return net

def once():
    import os
    os.mkdir("built")
    return build()

def sure(shape, classes=4):
    return told(classes, shape)
"""
ROOT = """
from torch import nn

class Root(nn.Module):
    def forward(self, x):
        return (x + 1e-6).sqrt()

def build():
    return nn.Sequential(Root(), nn.Flatten(), nn.Linear(64, 10))
"""
PART = """
from torch import nn

def layer():
    return nn.Linear(64, 10)

def strict(**given):
    assert not given
    return layer()
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    (tmp_path / "net.py").write_text(NET)
    (tmp_path / "part.py").write_text(PART)
    (tmp_path / "slip.py").write_text("from torch import nn\n\ndef build(:\n    pass\n")
    (tmp_path / "early.py").write_text("size = {}\nsize['width']\n")
    torch.manual_seed(0)
    save_file({"1.weight": torch.randn(10, 64), "1.bias": torch.zeros(10)}, tmp_path / "w.safetensors")
    save_file({"1.weight": torch.randn(9, 64)}, tmp_path / "small.safetensors")
    torch.save({}, tmp_path / "w.pt")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_any_network_is_evaluated_and_has_its_page(place, capsys):
    argv = ["evaluate", "--model", "net.py:build", "--weights", "w.safetensors", "--data", "digits", "--eps", "0.1"]
    assert main.run([*argv, "--attack", "pgd-2", "--n", "50", "--out", "out"]) == 0
    (score,) = json.loads((place / "out" / "score.json").read_text())["scores"]
    assert score["model"] == "net.py:build"
    assert score["n"] == 50
    states = {check["id"]: check["state"] for check in score["checks"]}
    assert states["sample-size"] == "raised"  # 50 images
    assert states["training-mode"] == states["randomised"] == "passed"
    assert (place / "out" / "report.html").exists()
    assert "pgd-2" in capsys.readouterr().out


INSIDE = """
from torch import nn

class Inside(nn.Module):
    def __init__(self):
        super().__init__()
        self.model = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))

    def forward(self, x):
        return self.model(x)

def build():
    return Inside()
"""


@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.module.", "teacher.", "net."])
@pytest.mark.parametrize("inside", [False, True], ids=["plain", "called as a wrapper"])
def test_weights_are_known_by_whatever_wrapper_they_were_saved(prefix, inside, place):
    weights = load_file("w.safetensors")
    named = {f"{prefix}{'model.' * inside}{name}": value for name, value in weights.items()}
    save_file(named, "wrapped.safetensors")
    (place / "net.py").write_text(INSIDE if inside else NET)
    net = load_foreign("net.py:build", place / "wrapped.safetensors")
    found = {name.removeprefix("model."): value for name, value in net.state_dict().items()}
    assert found.keys() == weights.keys()
    assert all(torch.equal(found[name], weights[name]) for name in weights)


BRIGHT = """
import torch
from torch import nn

class Bright(nn.Module):
    def forward(self, x):
        return -((x.mean((1, 2, 3))[:, None] - torch.tensor([0.8, 0.1, 0.4])) ** 2) * 30

def build():
    return Bright()
"""


def test_class_names_say_the_order_of_the_logits(place, capsys):
    for k, name in enumerate(("cat", "dog", "owl")):
        for part in ("train", "test"):
            (place / "set" / part / name).mkdir(parents=True)
            for i in range(20):
                image = Image.new("RGB", (8, 8), (25 + 85 * k + i,) * 3)
                image.save(place / "set" / part / name / f"{i}.png")
    (place / "net.py").write_text(BRIGHT)
    argv = ["evaluate", "--model", "net.py:build", "--data", "folder:set", "--attack", "fgsm", "--eps", "0.001"]
    found = {}
    for out, words in (("guessed", ()), ("named", ("--classes", "owl,cat,dog"))):
        assert main.run([*argv, *words, "--out", out]) == 0
        found[out] = json.loads((place / out / "score.json").read_text())["scores"][0]
    guessed, named = found.values()
    states = [{check["id"]: check for check in score["checks"]}["permuted-labels"] for score in (guessed, named)]
    assert guessed["clean"] == 0.0
    assert named["clean"] == 1.0
    assert [check["state"] for check in states] == ["raised", "passed"]
    assert "cat is taken for dog" in states[0]["seen"] or "exchanged" in states[0]["seen"]
    assert "taken to stand for cat, dog, owl" in capsys.readouterr().out
    assert main.run([*argv, "--classes", "cat,dog"]) == 2
    assert "owl is none of cat, dog" in capsys.readouterr().err


def test_shards_write_one_result(place, capsys):
    argv = ["evaluate", "--model", "net.py:build", "--weights", "w.safetensors", "--data", "digits", "--eps", "0.1"]
    for k in range(3):
        assert not (place / "out" / "score.json").exists()
        assert main.run([*argv, "--attack", "pgd-2", "--n", "50", "--out", "out", "--shard", f"{k}/3"]) == 0
    assert json.loads((place / "out" / "score.json").read_text())["scores"][0]["n"] == 50
    assert "part 1 of 3 is done" in capsys.readouterr().out


def test_torchrun_says_which_shard_it_is(place, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    argv = ["evaluate", "--model", "net.py:build", "--data", "digits", "--attack", "pgd-1", "--n", "20", "--out", "out"]
    assert main.run(argv) == 0
    assert [file.name.endswith("-1of2.safetensors") for file in (place / "out" / "standing").glob("*.safetensors")] == [
        True
    ]


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ("--model net.py:build", "Give --data"),
        ("--model net.py:bild --data digits", "no function 'bild'. There is build, inside, narrow, lost, other, pair"),
        ("--model net.py:other --data digits", "gives str, not a torch.nn.Module"),
        ("--model nothing_here:build --data digits", "No module named 'nothing_here'"),
        ("--model gone.py:build --data digits", "no file gone.py"),
        ("--model build --data digits", "names no function"),
        ("--model net.py:build --weights gone --data digits", "no file gone"),
        ("--model net.py:build --weights small.safetensors --data digits", "does not fit the network"),
        (
            "--model net.py:build --weights w.pt --data digits",
            "w.pt is a file of torch.save, and a pickle is never opened",
        ),
        (
            "--model cnn --data digits",
            "robustdial.build('cnn', classes=..., shape=..., mean=..., std=...), and give net.py",
        ),
        (
            "--model timm:test_resnet --data digits",
            "know 1000 classes, and the data has 10. Give weights of this network",
        ),
        ("--model net.py:build --data digits --norm l2", "--norm l2 needs a radius"),
        ("--model net.py:build --data digits --budget 2", "--budget 2 is not a share"),
        ("--model net.py:build --data digits --shard 1", "--shard 1 is not a part"),
        ("--model net.py:build --data digits --batch 0", "--batch 0"),
        ("--model net.py:build --data digits --lam 0.4", "no dial: leave out --lam"),
        ("--model net.py:build --data digits --seed -1", "--seed -1 is out of range"),
        ("--model net.py:narrow --data digits", "labels up to 9, and the network has 4 logits"),
        ("--model net.py:lost --data digits", "No module named 'nowhere'"),
        ("--model net.py:key --data digits", "cannot be built (net.py:34): KeyError: 'width'"),
        ("--model net.py:leaves --data digits", "cannot be built (net.py:37): SystemExit: 3"),
        ("--model net.py:nothing --data digits", "gives NoneType, not a torch.nn.Module. Return the network"),
        ("--model slip.py:build --data digits", "cannot be imported: SyntaxError: invalid syntax (slip.py:3)"),
        ("--model early.py:build --data digits", "cannot be imported (early.py:2): KeyError: 'width'"),
        (
            "--model net.py:pair --data digits",
            "returns a tuple, not logits; in it are 0 [3, 1, 8, 8], 1 [3, 10]. Pick them: LogitsOf(network, 1)",
        ),
        ("--model net.py:pair --output 5 --data digits", "There is no output 5"),
        ("--model net.py:cut --data digits --attack pgd-2+square-5", "pgd-2: The network has no gradient to climb"),
        ("runs/x --output 0", "A run brings its own: leave out --output"),
        ("runs/x --root r --out y", "A run brings its own: leave out --root, --out"),
        ("", "Name a run folder, or a network"),
    ],
)
def test_wrong_input_is_one_line(place, capsys, flags, words):
    assert main.run(["evaluate", *flags.split()]) == 2
    err = capsys.readouterr().err
    assert words in err
    assert len(err.splitlines()) == 1


def test_more_than_one_number_is_kept_and_not_measured_again(place, capsys):
    argv = ["evaluate", "--model", "net.py:build", "--weights", "w.safetensors", "--data", "digits", "--eps", "0.1"]
    argv += ["--attack", "pgd-1", "--n", "20", "--out", "out"]
    assert main.run([*argv, "--also", "curve", "corruptions", "unseen", "warps"]) == 0
    (score,) = json.loads((place / "out" / "score.json").read_text())["scores"]
    assert [row["eps"] for row in score["curve"]][:4] == ["0", "0.025", "0.05", "0.1"]
    assert {row["level"] for row in score["corruptions"]} == {1, 2, 3, 4, 5}
    assert [row["attack"] for row in score["warps"]] == ["worst-of-1", "worst-of-10"]
    assert {row["threat"] for row in score["unseen"]} == {"Linf 8/255", "L2 0.5", "L2 1", "Warp"}
    capsys.readouterr()
    assert main.run([*argv, "--also", "curve"]) == 0
    assert "curve ━" not in capsys.readouterr().out
    (again,) = json.loads((place / "out" / "score.json").read_text())["scores"]
    assert all(again[part] == score[part] for part in ("curve", "corruptions", "unseen", "warps"))


def test_a_module_may_be_imported_when_the_network_is_built(place):
    assert isinstance(load_foreign("net.py:inside", None), torch.nn.Module)
    assert str(place) not in sys.path
    assert "net" not in sys.modules


def test_a_function_is_told_what_it_has_no_default_for(place):
    argv = ["evaluate", "--model", "net.py:told", "--weights", "w.safetensors", "--data", "digits"]
    assert main.run([*argv, "--attack", "fgsm", "--n", "20", "--out", "out"]) == 0
    images = {"classes": 10, "shape": (1, 8, 8), "mean": [0.5]}
    assert load_foreign("net.py:told", None, images=images)[1].out_features == 10
    assert load_foreign("net.py:sure", None, images=images)[1].out_features == 4


@pytest.mark.parametrize(
    ("name", "told"),
    [("build", "(2 of 2 tensors)"), ("half", "(1 of 2 tensors)"), ("filled", None), ("once", None)],
)
def test_weights_that_are_drawn_anew_are_told_from_those_that_are_loaded(place, name, told):
    net = load_foreign(f"net.py:{name}", None)
    found = drawn_anew(net, f"net.py:{name}", {})
    assert found is None if told is None else told in found


def test_a_network_of_timm_is_measured_with_weights_of_its_own(place):
    pytest.importorskip("timm")
    normal = {"mean": [0.1307], "std": [0.3081]}
    net = build("timm:test_resnet", classes=10, shape=(1, 8, 8), **normal)
    save_file(net.get_submodule("net").state_dict(), "bare.safetensors")
    save_file(net.state_dict(), "with.safetensors")
    argv = ["evaluate", "--model", "timm:test_resnet", "--data", "digits", "--attack", "fgsm", "--n", "20"]
    for name in ("bare", "with"):
        assert main.run([*argv, "--weights", f"{name}.safetensors", "--out", name]) == 0
    images = {"classes": 10, "shape": (1, 8, 8), "mean": [0.5], "std": [0.5]}
    bare, whole = (load_foreign("timm:test_resnet", place / f"{k}.safetensors", None, images) for k in ("bare", "with"))
    assert torch.equal(whole.normalize.mean.flatten(), torch.tensor(normal["mean"]))
    assert not torch.equal(bare.normalize.mean, whole.normalize.mean)


def test_a_function_of_a_package_is_called_without_arguments(place):
    assert isinstance(load_foreign("part:strict", None, images={"classes": 10}), torch.nn.Linear)


def test_another_network_of_the_same_weights_is_measured_anew(place):
    argv = ["evaluate", "--model", "net.py:build", "--weights", "w.safetensors", "--data", "digits", "--eps", "0.05"]
    argv += ["--attack", "fgsm", "--n", "50", "--out", "out"]
    assert main.run([*argv, "--also", "warps"]) == 0
    (before,) = json.loads((place / "out" / "score.json").read_text())["scores"]
    flipped = "nn.Flatten(), part.layer(), nn.Softmin(dim=1)"
    (place / "net.py").write_text(NET.replace("nn.Flatten(), part.layer()", flipped, 1))
    assert main.run(argv) == 0
    (after,) = json.loads((place / "out" / "score.json").read_text())["scores"]
    assert before["key"] == after["key"]  # code is not in it
    assert before["clean"] != after["clean"]
    assert "warps" in before and "warps" not in after


def test_a_network_that_fails_on_strange_images_has_its_score_all_the_same(place):
    (place / "net.py").write_text(ROOT)
    argv = ["evaluate", "--model", "net.py:build", "--data", "digits", "--attack", "fgsm", "--n", "30", "--out", "out"]
    assert main.run(argv) == 0
    (score,) = json.loads((place / "out" / "score.json").read_text())["scores"]
    states = {check["id"]: check["state"] for check in score["checks"]}
    assert states["normalisation"] == "skipped"


def test_a_checkpoint_chosen_on_the_test_part_is_noticed(place):
    argv = ["evaluate", "--model", "net.py:build", "--data", "digits", "--attack", "fgsm", "--n", "30", "--out", "out"]
    assert main.run([*argv, "--chosen-on", "test"]) == 0
    (score,) = json.loads((place / "out" / "score.json").read_text())["scores"]
    assert {check["id"]: check["state"] for check in score["checks"]}["selection"] == "raised"


def test_the_logits_are_picked_out_of_more(place):
    argv = ["evaluate", "--weights", "w.safetensors", "--data", "digits", "--eps", "0.1", "--attack", "pgd-2"]
    found = []
    for flags in (["--model", "net.py:build"], ["--model", "net.py:pair", "--output", "1"]):
        assert main.run([*argv, "--n", "40", "--out", flags[-1], *flags]) == 0
        (score,) = json.loads((place / flags[-1] / "score.json").read_text())["scores"]
        found.append((score["clean"], score["robust"], [row["standing"] for row in score["standing"]]))
    assert found[0] == found[1]
    assert score["model"] == "net.py:pair, output 1"


def test_without_a_gradient_only_what_needs_none_is_carried_out(place):
    argv = ["evaluate", "--model", "net.py:cut", "--data", "digits", "--n", "30", "--out", "out"]
    assert main.run([*argv, "--attack", "pgd-2"]) == 2
    assert not (place / "out").exists()
    assert main.run([*argv, "--attack", "square-5"]) == 0
    (score,) = json.loads((place / "out" / "score.json").read_text())["scores"]
    assert {check["id"]: check["state"] for check in score["checks"]}["zero-gradients"] == "raised"


def test_state_that_is_no_tensor_is_no_weight(place):
    extra = "\n\nclass Extra(nn.Linear):\n    def get_extra_state(self):\n        return {'version': 3}\n"
    extra += "    def set_extra_state(self, state):\n        pass\n\ndef extra():\n"
    (place / "net.py").write_text(NET + extra + "    return nn.Sequential(nn.Flatten(), Extra(64, 10))\n")
    argv = ["evaluate", "--model", "net.py:extra", "--data", "digits", "--attack", "fgsm", "--n", "30", "--out", "out"]
    assert main.run([*argv, "--weights", "w.safetensors"]) == 0
    assert main.run([*argv, "--weights", "small.safetensors"]) == 2
