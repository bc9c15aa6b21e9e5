"""Weights divided among processes: the same network as in one, in the same plain files."""

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from robustdial import record
from robustdial.cli.main import run
from robustdial.dial import dial
from robustdial.distributed.divided import blocks
from robustdial.models import build

SETTINGS = ["--data", "digits", "--limit", "72", "--model-width", "4", "--epochs", "2", "--batch", "32"]
SETTINGS += ["--precision", "float32", "--sync-norm"]
DIALED, ADAMW = ["--steps", "1", "--ema", "0.9"], ["--optimizer", "adamw", "--lr", "0.01"]


def training(name, out, *more):
    return ["train", name, *SETTINGS, "--out", str(out), *more]


def going_on(name, out):
    return ["train", name, "--resume", "--out", str(out)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("divided")


@pytest.fixture(scope="module")
def ends(carried_out, folder):
    """One run that two processes stop and go on with, and one that one goes on with."""
    plan = [
        {"argv": training("oat", folder / "two", *DIALED, "--shard-weights"), "stop": 3},
        {"argv": going_on("oat", folder / "two")},
        {"argv": training("free", folder / "then one", *ADAMW, "--shard-weights"), "stop": 3},
    ]
    return carried_out(plan)


def check_equal(folder, other, file):
    one, found = (load_file(path / file) for path in (folder, other))
    assert one.keys() == found.keys()
    for name, value in one.items():
        if "random" not in name:
            torch.testing.assert_close(
                found[name], value, rtol=1e-4, atol=1e-5, msg=lambda m, name=name: f"{name}: {m}"
            )


def test_both_end_well_and_are_stopped_alike(ends):
    assert [[end["code"] for end in both] for both in ends] == [[130, 130], [0, 0], [130, 130]]
    assert not any(end["wrong"] for both in ends for end in both)


def test_what_is_written_is_what_one_process_writes(ends, folder):
    assert run(training("oat", folder / "one", *DIALED)) == 0
    for file in (record.LAST, record.BEST, record.HEALTHY):
        check_equal(folder / "one", folder / "two", file)
    first, second = (record.read_epochs(folder / name) for name in ("one", "two"))
    assert [epoch["clean"] for epoch in first] == pytest.approx([epoch["clean"] for epoch in second])


def test_one_process_goes_on_with_what_two_have_divided(ends, folder):
    assert run(going_on("free", folder / "then one")) == 0
    assert run(training("free", folder / "one alone", *ADAMW)) == 0
    check_equal(folder / "one alone", folder / "then one", record.LAST)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["gradalign"], "gradalign asks for a second derivative"),
        (["pgd-at", "--awp", "0.01"], "--awp takes gradients that no optimizer follows"),
        (["radial", "--dial", "line"], "A dial of kind line takes weights of networks"),
        (["pgd-at", "--compile"], "--shard-weights and --compile do not go together"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(words, line, tmp_path, capsys):
    assert run(["train", *words, "--data", "digits", "--shard-weights", "--out", str(tmp_path / "bad")]) == 2
    said = capsys.readouterr().err
    assert line in said
    assert said.count("\n") == 1
    assert not (tmp_path / "bad").exists()


@pytest.mark.parametrize("name", ["cnn", "resnet18", "preact_resnet18", "wrn16_8", "vgg16"])
def test_blocks_hold_every_weight_once(name):
    model = dial(build(name, classes=10, shape=(3, 32, 32), mean=[0.5] * 3, std=[0.25] * 3, width=8))
    found = blocks(model)
    assert found[-1] is model
    assert len(set(found)) == len(found)
    assert not any(isinstance(block, nn.Conv2d | nn.Linear) for block in found)
    for number, block in enumerate(found):  # an outer block comes after those in it
        assert not set(block.modules()) & set(found[number + 1 :])
