"""A teacher, or a network to start from, may come from elsewhere: code of one's own, and safetensors."""

import json

import pytest
import torch
from safetensors.torch import save_file

from robustdial.cli import main
from robustdial.models import build
from robustdial.run import Run, open_model, resume, start
from robustdial.run.training_loop import training_loop

BUILD = """
from torch import nn

def net(classes):
    return nn.Sequential(nn.Flatten(), nn.Linear(64, classes))

def binary():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 2))
"""
TRAIN = ["train", "pgd-at", "--steps", "1", "--limit", "200", "--epochs", "1", "--precision", "float32"]


@pytest.fixture
def code(tmp_path):
    (tmp_path / "net.py").write_text(BUILD)
    return f"{tmp_path}/net.py"


@pytest.fixture
def weights(tmp_path):
    values = {"1.weight": torch.randn(10, 64), "1.bias": torch.randn(10)}
    save_file({f"module.{name}": value for name, value in values.items()}, tmp_path / "teacher.safetensors")
    return values, str(tmp_path / "teacher.safetensors")


def test_a_network_of_ones_own_teaches_and_is_known_again(tmp_path, code, weights):
    values, file = weights
    out = tmp_path / "out"
    taught = ["--teacher", f"{code}:net", "--teacher-weights", file, "--distil", "0.5", "--model-width", "4"]
    assert main.run([*TRAIN, *taught, "--out", str(out)]) == 0
    about = json.loads((out / "run.json").read_text())
    assert about["run"]["teacher"] == f"{code}:net" and about["own"].keys() == {f"{code}:net"} and about["teacher"]
    again = resume(out)
    again.hold.release()
    x = torch.rand(3, 1, 8, 8)
    expected = torch.nn.functional.linear(x.flatten(1), values["1.weight"], values["1.bias"])
    torch.testing.assert_close(again.state.teacher(x), expected)
    save_file({name: value + 1 for name, value in values.items()}, file)
    with pytest.raises(ValueError, match="has changed since the run"):
        resume(out)


@pytest.mark.parametrize("before", ["", "module.", "_orig_mod.module.", "model."])
@pytest.mark.parametrize("normalised", [True, False])
def test_a_training_starts_from_a_state_dict(tmp_path, before, normalised):
    torch.manual_seed(3)
    net = build("cnn", classes=10, shape=(1, 8, 8), mean=[0.5], std=[0.5], width=4)
    kept = net.state_dict() if normalised else net.net.state_dict()
    save_file({f"{before}{name}": value for name, value in kept.items()}, tmp_path / "net.safetensors")
    settings = Run(
        limit=200, model_width=4, start=str(tmp_path / "net.safetensors"), device="cpu", out=str(tmp_path / "o")
    )
    found = start("pgd-at", {}, settings).state.model
    for name, value in net.net.state_dict().items():
        assert torch.equal(found.net.state_dict()[name], value)
    assert (float(found.normalize.mean) == 0.5) == normalised


def test_a_dial_starts_from_a_state_dict_and_its_run_is_opened_without_it(tmp_path):
    net = build("cnn", classes=10, shape=(1, 8, 8), mean=[0.5], std=[0.5], width=4)
    save_file(net.state_dict(), tmp_path / "net.safetensors")
    settings = Run(
        limit=200,
        model_width=4,
        epochs=1,
        start=str(tmp_path / "net.safetensors"),
        device="cpu",
        out=str(tmp_path / "o"),
    )
    experiment = start("radial", {"steps": 1, "warm": 0.0}, settings)
    for _ in training_loop(experiment):
        pass
    experiment.hold.release()
    (tmp_path / "net.safetensors").unlink()
    assert open_model(tmp_path / "o").at(0.0)(torch.rand(2, 1, 8, 8)).shape == (2, 10)


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--teacher", "CODE:binary", "--distil", "0.5"], "answers for 2 classes; here they are 10"),
        (["--teacher", "CODE:other", "--distil", "0.5"], "other"),
        (
            ["--teacher", "CODE:net", "--teacher-weights", "/no.safetensors", "--distil", "0.5"],
            "There is no file /no.saf",
        ),
        (["--teacher", "CODE:net", "--teacher-weights", "WRONG", "--distil", "0.5"], "does not fit the network"),
        (["--teacher-weights", "WRONG"], "--teacher-weights are of a network that --teacher names"),
        (["--start", "WRONG", "--model-width", "4"], "does not fit the network"),
        (["--start", "CODE"], "is damaged, cut short, or of another format"),
        (["--start", "/no.safetensors"], "--start /no.safetensors: there is no such run folder, and no such file"),
        (["--start", "RUN/best.safetensors"], "is a file of a run. Give the run itself: --start RUN"),
    ],
)
def test_what_does_not_fit_is_refused_before_a_folder_is_made(tmp_path, code, flags, says, capsys):
    save_file({"module.x": torch.zeros(2)}, tmp_path / "wrong.safetensors")
    (tmp_path / "run").mkdir()
    for name in ("run.json", "best.safetensors"):
        (tmp_path / "run" / name).write_text("{}")
    places = {"CODE": code, "WRONG": f"{tmp_path}/wrong.safetensors", "RUN": f"{tmp_path}/run"}
    for word, place in places.items():
        flags, says = [flag.replace(word, place) for flag in flags], says.replace(word, place)
    assert main.run([*TRAIN, *flags, "--out", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err.strip()
    assert says in error and "\n" not in error
    assert not (tmp_path / "out").exists()
