"""Weights divided among processes: in which blocks, and with what they do not go together."""

import pytest
from torch import nn

from robustdial.cli.main import run
from robustdial.dial import dial
from robustdial.distributed.divided import blocks
from robustdial.models import build


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
