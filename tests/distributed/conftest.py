"""Starts processes that find each other."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

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


class End(NamedTuple):
    """How a process has ended: its exit code, and what it said on its two streams."""

    code: int
    said: str
    wrong: str


@pytest.fixture(scope="session")
def forked(environment):
    """`forked(program, words, environments)` gives the ends of processes, one for each of these environments, of a
    script of this folder or of a module (`server.py`). Those that take longer than `seconds` are killed."""
    command = [sys.executable, str(HERE / "server.py")]
    streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=environment(), **streams) as server:

        def ask(program, words, environments, seconds=300):
            program = str(HERE / program) if program.endswith(".py") else program
            own = [{name: str(value) for name, value in one.items()} for one in environments]
            request = {"program": program, "words": [*map(str, words)], "environments": own, "seconds": seconds}
            print(json.dumps(request), file=server.stdin, flush=True)
            answer = server.stdout.readline()
            assert answer, "the server of processes has gone"
            return [End(**end) for end in json.loads(answer)]

        yield ask


@pytest.fixture(scope="session")
def in_two(forked, free_port):
    """`in_two(script, *words)` runs a script of this folder in two processes, which must both end well."""

    def run(script, *words, seconds=300):
        world = {"WORLD_SIZE": 2, "MASTER_ADDR": "localhost", "MASTER_PORT": free_port(), "ROBUSTDIAL_PATIENCE": 60}
        ends = forked(script, words, [world | {"RANK": rank, "LOCAL_RANK": rank} for rank in range(2)], seconds)
        killed = f"not ended within {seconds} s" if -signal.SIGKILL in (end.code for end in ends) else ""
        assert [end.code for end in ends] == [0, 0], "\n".join([killed, *(end.wrong for end in ends)])

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
