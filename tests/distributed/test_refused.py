"""Processes that do not go together, or do not come: one line, exit code 2 of each, nothing written, no hang."""

import re
import shutil
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import robustdial

SOURCE = Path(robustdial.__file__).parent
TRAIN = ["train", "oat", "--steps", "1", "--epochs", "1", "--batch", "8", "--model-width", "4", "--device", "cpu"]


def pictures(place, seed, number=12):
    """Two classes of pictures with the same names in every place."""
    pixels = np.random.default_rng(seed)
    for kind in ("cats", "dogs"):
        (place / "photos" / kind).mkdir(parents=True)
        for index in range(number):
            image = Image.fromarray(pixels.integers(0, 256, (8, 8, 3), dtype=np.uint8))
            image.save(place / "photos" / kind / f"{index}.png")


def other_pictures(places):
    for rank in range(2):
        pictures(places / str(rank), seed=rank)


def one_more_picture(places):
    for rank in range(2):
        pictures(places / str(rank), seed=0, number=12 + rank)


def other_code(places):
    for rank in range(2):
        pictures(places / str(rank), seed=0)
    shutil.copytree(SOURCE, places / "1" / "robustdial", ignore=shutil.ignore_patterns("__pycache__"))
    with (places / "1" / "robustdial" / "method" / "threat" / "linf.py").open("a") as file:
        file.write("# a later version\n")


@pytest.mark.parametrize(
    ("differ", "what"),
    [
        pytest.param(other_pictures, "data", marks=pytest.mark.slow),
        pytest.param(other_code, "code", marks=pytest.mark.slow),
        pytest.param(one_more_picture, "data", marks=pytest.mark.slow),
    ],
)
def test_what_differs_between_machines_is_refused_under_torchrun(differ, what, environment, free_port, tmp_path):
    differ(tmp_path)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port"]
    script = [str(Path(__file__).with_name("own_machine.py")), str(tmp_path)]
    flags = ["--data", "folder:photos", "--out", str(tmp_path / "out")]
    command = [*torchrun, str(free_port()), *script, *TRAIN, *flags]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=120)
    ends = set(re.findall(r"rank *: (\d) .*\n *exitcode *: (-?\d+)", done.stderr))
    assert ends == {("0", "2"), ("1", "2")}
    (line,) = re.findall("^robustdial: .*", done.stderr, flags=re.M)
    assert line == f"robustdial: The {what} of process 1 is not that of process 0. Give every process the same."
    assert done.stdout == ""
    assert not (tmp_path / "out").exists()


@pytest.fixture
def ended(forked, tmp_path):
    """`ended({rank: port}, patience)` runs these ranks of two, and gives code and words of each."""

    def run(ports, patience):
        world = {"WORLD_SIZE": 2, "MASTER_ADDR": "localhost", "ROBUSTDIAL_PATIENCE": patience}
        own = [world | {"RANK": rank, "MASTER_PORT": port} for rank, port in ports.items()]
        ends = forked("robustdial", [*TRAIN, "--out", str(tmp_path / "out")], own, seconds=120)
        assert not (tmp_path / "out").exists()
        return dict(zip(ports, ends, strict=True))

    return run


def test_who_does_not_come_is_named(ended, free_port):
    ends = ended({0: free_port(), 1: free_port()}, patience=2)  # two trainings, of each of which one has come
    assert ends[0] == (2, "", "robustdial: Process 1 of 0 to 1 did not come within 2 s. Start every one of them.\n")
    code, said, wrong = ends[1]
    assert (code, said, wrong.count("\n")) == (2, "", 1)
    assert re.match(r"robustdial: Process 1 cannot reach process 0: nobody listens at localhost:\d+\. Start", wrong)


def test_an_address_in_use_ends_both(ended):
    with closing(socket.create_server(("", 0))) as taken:
        port = taken.getsockname()[1]
        ends = ended({0: port, 1: port}, patience=3)
    line = f"robustdial: Port {port} of this machine is in use by another program. Choose another MASTER_PORT.\n"
    assert ends[0] == (2, "", line)
    code, said, wrong = ends[1]
    assert (code, said, wrong.count("\n")) == (2, "", 1)
    assert f"Process 1 cannot reach process 0: what listens at localhost:{port} does not answer" in wrong
