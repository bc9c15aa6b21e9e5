"""`robustdial plan`: what it says, what it refuses, and that it writes nothing."""

import re
from dataclasses import replace

import pytest

from robustdial.cli import main
from robustdial.cli.commands import plan as command
from robustdial.run import calibrated

SETTINGS = ["--limit", "100", "--model-width", "4", "--steps", "1", "--epochs", "2", "--batch", "16"]


@pytest.fixture
def plan(monkeypatch, tmp_path, capsys):
    """`plan(*words)` is the exit code, what was printed, and what was said to be wrong."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(calibrated, "_TRIED", 0.0)

    def run(*words):
        code = main.run(["plan", "oat", *SETTINGS, *words])
        assert not any(tmp_path.iterdir())
        return code, *capsys.readouterr()

    return run


def test_a_plan_says_what_a_training_would_cost(plan):
    code, told, wrong = plan("--devices", "8xH200")
    assert (code, wrong) == (0, "")
    assert "plan for 8 x H200: oat" in told
    assert "passes a batch: 2 for 2 epochs" in told
    assert "images: 160" in told
    assert re.search(r"time: \d+\.\d s \(.* h\)", told)
    assert re.search(r"memory of a device: .* of 141 GB", told)
    assert re.search(r"wire, each update: .*B from each device", told)
    assert "H200 is taken to reach as much of its own (https://" in told


def test_here_is_this_machine(plan):
    code, told, _ = plan()
    assert code == 0
    assert "plan for 1 x here" in told
    assert "wire" not in told and "together" not in told


def test_what_comes_first_is_planned_too(plan):
    code, told, _ = plan("--first", "3")
    assert code == 0
    assert "clean, then oat" in told
    assert "passes a batch: 1 for 3 epochs | 2 for 2 epochs" in told
    assert "clean, then oat, and together" in told and "images: 240 | 160 | 400\n" in told


def test_its_help_names_the_devices(capsys):
    assert main.run(["plan", "--help"]) == 0
    assert ", ".join(command.KNOWN) in capsys.readouterr().out


@pytest.mark.parametrize(
    ("room", "remedy"),
    [(240e3, r"Give --accumulate \d+, or --batch \d+ or less\."), (1e3, "Divide the weights .--shard-weights")],
)
def test_too_little_memory_is_said_with_the_remedy(plan, monkeypatch, room, remedy):
    tiny = replace(command.KNOWN["T4"], name="tiny", memory=room)
    monkeypatch.setitem(command.KNOWN, "T4", tiny)
    code, told, _ = plan("--devices", "T4")
    assert code == 1
    assert re.search(rf"oat needs .* of each tiny, which has .*\. {remedy}", told)


def test_the_remedy_for_a_batch_beyond_the_images_is_of_these(plan, monkeypatch):
    monkeypatch.setitem(command.KNOWN, "T4", replace(command.KNOWN["T4"], memory=240e3))
    _, told, _ = plan("--devices", "T4", "--batch", "4096")
    found = re.search(r"Give --accumulate (\d+), or --batch (\d+) or less", told)
    assert 90 % int(found[1]) == 0 and int(found[2]) < 90


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--devices", "8xH300"], "--devices 8xH300 is not known. Write 8xH200, or another number of here, B200"),
        (["--devices", "3xH200"], "A batch of 16 images on 3 processes .*--batch 15"),
        (["--devices", "4xH200", "--accumulate", "8"], "A batch of 16 images on 4 processes in 8 parts"),
        (["--resume"], "A plan is made before a training begins"),
        (["--device", "8xH200"], "--device 8xH200 is not supported"),
    ],
)
def test_bad_input_is_one_line(plan, words, line):
    code, told, wrong = plan(*words)
    assert (code, told) == (2, "")
    assert wrong.count("\n") == 1
    assert re.search(line, wrong)
