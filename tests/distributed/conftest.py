"""Starts processes that find each other."""

import json
import os
import random
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import robustdial

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def free_port():
    """`free_port()` is one that nobody uses, and that nobody is given before it is used.

    A system hands out ports from 32,768 on to whoever asks for any, such as other tests at the same time.
    """
    ports = random.Random(os.getpid()).sample(range(20_000, 32_000), 1_000)

    def find():
        while True:
            port = ports.pop()
            with socket.socket() as sock:
                try:
                    sock.bind(("", port))
                except OSError:
                    continue
            return port

    return find


@pytest.fixture(scope="session")
def environment():
    """`environment(RANK=0, ...)` is what a process of this package needs, and these words."""

    def make(**more):
        words = {"PYTHONPATH": str(Path(robustdial.__file__).parents[1]), "OMP_NUM_THREADS": "1"}
        return os.environ | words | {name: str(value) for name, value in more.items()}

    return make


@pytest.fixture(scope="session")
def in_two(environment, free_port):
    """`in_two(script, *words)` runs a script of this folder in two processes, which must both end well."""

    def run(script, *words):
        world = {"WORLD_SIZE": 2, "MASTER_ADDR": "localhost", "MASTER_PORT": free_port(), "ROBUSTDIAL_PATIENCE": 60}
        command = [sys.executable, str(HERE / script), *map(str, words)]
        started = [
            subprocess.Popen(command, env=environment(RANK=rank, LOCAL_RANK=rank, **world), stderr=subprocess.PIPE)
            for rank in range(2)
        ]
        said = [process.communicate(timeout=300)[1].decode() for process in started]
        assert [process.returncode for process in started] == [0, 0], "\n".join(said)

    return run


@pytest.fixture(scope="session")
def carried_out(in_two, free_port, tmp_path_factory):
    """`carried_out(plan)` gives the ends of the commands of a plan (`commands.py`), of each for both processes."""

    def run(plan):
        folder = tmp_path_factory.mktemp("plan")
        (folder / "plan.json").write_text(json.dumps([step | {"port": free_port()} for step in plan]))
        in_two("commands.py", folder / "plan.json")
        ends = [json.loads((folder / f"end-{rank}.json").read_text()) for rank in range(2)]
        return list(zip(*ends, strict=True))

    return run
