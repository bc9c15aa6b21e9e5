"""`robustdial train` in two processes, also with divided weights: one folder, one line on bad input, the same end."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch.distributed.fsdp import FSDPModule

from robustdial import record
from robustdial.cli.main import run

SETTINGS = [
    "--data",
    "digits",
    "--limit",
    "120",
    "--model-width",
    "4",
    "--steps",
    "1",
    "--epochs",
    "2",
    "--batch",
    "32",
]
SETTINGS += ["--precision", "float32"]
DIALED, ADAMW = ["--steps", "1", "--ema", "0.9"], ["--optimizer", "adamw", "--lr", "0.01"]


def training(out, *more):
    return ["train", "oat", *SETTINGS, "--out", str(out), *more]


def dividing(name, out, *more):
    """Few images, and norms over both processes, as one process has them."""
    small = ["--data", "digits", "--limit", "72", "--model-width", "4", "--epochs", "2", "--batch", "32"]
    return ["train", name, *small, "--precision", "float32", "--sync-norm", "--out", str(out), *more]


def going_on(out, *more):
    return ["train", "oat", "--resume", "--out", str(out), *more]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def ends(carried_out, folder):
    plan = {
        "whole": {"argv": training(folder / "whole")},
        "stopped": {"argv": training(folder / "stopped"), "stop": 2},
        "gone on": {"argv": going_on(folder / "stopped")},
        "for one": {"argv": training(folder / "for one", "--sync-norm"), "stop": 2},
        "again": {"argv": training(folder / "whole")},
        "batch": {"argv": training(folder / "bad", "--batch", "33")},
        "optimizer": {"argv": training(folder / "bad", "--optimizer", "adamz")},
        "other command": {"argv": [training(folder / "bad"), training(folder / "bad", "--lr", "0.2")]},
        "other code": {"argv": training(folder / "bad"), "code": True},
        "other data": {"argv": training(folder / "bad"), "data": True},
        "alone": {"argv": ["methods"]},
        "no data": {"argv": [training(folder / "bad"), training(folder / "bad", "--data", "nowhere")]},
        "divided": {"argv": dividing("oat", folder / "divided", *DIALED, "--shard-weights"), "stop": 3},
        "divided, gone on": {"argv": going_on(folder / "divided")},
        "divided for one": {"argv": dividing("free", folder / "in parts", *ADAMW, "--shard-weights"), "stop": 3},
    }
    return dict(zip(plan, carried_out(list(plan.values())), strict=True))


divides = pytest.mark.skipif(
    not hasattr(FSDPModule, "set_reshard_after_forward"), reason="this PyTorch cannot divide weights"
)
ENDS = [("whole", 0), ("stopped", 130), ("gone on", 0), ("for one", 130)]
ENDS += [pytest.param(*end, marks=divides) for end in (("divided", 130), ("divided, gone on", 0))]
ENDS += [pytest.param("divided for one", 130, marks=divides)]


@pytest.mark.parametrize(("step", "code"), ENDS)
def test_both_end_alike_and_the_first_one_speaks(ends, step, code):
    first, second = ends[step]
    assert (first["code"], second["code"]) == (code, code)
    assert first["said"]
    assert (second["said"], first["wrong"], second["wrong"]) == ("", "", "")


def test_stopped_and_gone_on_with_leaves_the_same_bits(ends, folder):
    whole, gone_on = (load_file(folder / name / record.LAST) for name in ("whole", "stopped"))
    assert whole.keys() == gone_on.keys()
    assert all(torch.equal(value, gone_on[name]) for name, value in whole.items())


def test_a_run_says_how_it_was_trained(ends, folder):
    about = record.read_run(folder / "for one")
    assert about["processes"] == {"number": 2, "norms": "synchronised"}
    assert record.read_run(folder / "whole")["processes"] == {"number": 2, "norms": "local"}


def test_one_process_goes_on_with_what_two_have_begun(ends, folder):
    assert run(going_on(folder / "for one")) == 0
    epochs = record.read_epochs(folder / "for one")
    assert [epoch["images"] for epoch in epochs] == [96, 96]
    assert record.read_run(folder / "for one")["processes"] == {"number": 1, "norms": "local"}


@pytest.mark.parametrize(
    ("step", "line"),
    [
        ("again", "already holds a run"),
        ("batch", "A batch of 33 images on 2 processes .* --batch 32"),
        ("optimizer", "no optimizer 'adamz'. The nearest is 'adam'"),
        ("other command", "The command of process 1 is not that of process 0"),
        ("other code", "The code of process 1 is not that of process 0"),
        ("other data", "The data of process 1 is not that of process 0"),
        ("alone", "robustdial methods runs in one process"),
        ("no data", "no data set 'nowhere'"),
    ],
)
def test_bad_input_is_said_once_and_both_end_with_2(ends, folder, step, line):
    assert [end["code"] for end in ends[step]] == [2, 2]
    (said,) = (end["wrong"] for end in ends[step] if end["wrong"])
    assert said.count("\n") == 1
    assert re.search(line, said)
    assert not (folder / "bad").exists()


def check_equal(folder, other, file):
    one, found = (load_file(path / file) for path in (folder, other))
    assert one.keys() == found.keys()
    for name, value in one.items():
        if "random" not in name:
            torch.testing.assert_close(
                found[name], value, rtol=1e-4, atol=1e-5, msg=lambda m, name=name: f"{name}: {m}"
            )


@divides
def test_what_two_write_of_divided_weights_is_what_one_process_writes(ends, folder):
    assert run(dividing("oat", folder / "one", *DIALED)) == 0
    for file in (record.LAST, record.BEST, record.HEALTHY):
        check_equal(folder / "one", folder / "divided", file)
    first, second = (record.read_epochs(folder / name) for name in ("one", "divided"))
    assert [epoch["clean"] for epoch in first] == pytest.approx([epoch["clean"] for epoch in second])


@divides
def test_one_process_goes_on_with_what_two_have_divided(ends, folder):
    assert run(["train", "free", "--resume", "--out", str(folder / "in parts")]) == 0
    assert run(dividing("free", folder / "one alone", *ADAMW)) == 0
    check_equal(folder / "one alone", folder / "in parts", record.LAST)


@pytest.mark.slow
def test_a_process_that_hangs_is_named(carried_out, folder):
    plan = [{"argv": training(folder / "hangs"), "hang": 12, "patience": 4}, {"argv": going_on(folder / "hangs")}]
    hung, gone_on = carried_out(plan)
    assert [end["code"] for end in hung] == [2, 2]
    assert "Process 1 of 0 to 1 did not come to the next step" in hung[0]["wrong"]
    assert hung[1]["wrong"] == ""
    assert [end["code"] for end in gone_on] == [0, 0]


@pytest.mark.slow
def test_killed_and_started_anew_by_torchrun_it_goes_on_by_itself(folder, ends, environment, free_port):
    out, script = folder / "killed", Path(__file__).with_name("killed.py")
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--max-restarts", "1"]
    command = [*torchrun, "--master-port", str(free_port()), str(script), *training(out, "--save-every", "0")]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert json.loads((out / "restarts.json").read_text()) == ["0", "1"]
    whole, killed = (load_file(path / record.LAST) for path in (folder / "whole", out))
    assert all(torch.equal(value, killed[name]) for name, value in whole.items())
