"""Forks processes that find torch and robustdial imported: it costs a moment what takes a new interpreter seconds.

It reads requests, a line of JSON each, until its input ends: `program`, a file or the name of a module, is carried out
as the main program with the arguments `words`, in one process for each of `environments`, words of its own. Those that
are still there after `seconds`, or when the input ends, are killed. The answer is a line too: code (that of a signal is
negative), and what was said on both streams, of each process. What a file imports is imported here, once.
"""

import json
import os
import runpy
import select
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path

import torch
import torch.distributed.fsdp

import robustdial.cli.commands.train
import robustdial.evaluate.intervals
import robustdial.study.tradeoff  # noqa: F401
from robustdial.data import load


def carried_out(program, words):
    """The exit code of a main program."""
    sys.argv = [program, *words]
    try:
        if Path(program).is_file():
            runpy.run_path(program, run_name="__main__")
        else:
            runpy.run_module(program, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        return end.code or 0
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def forked(request, environment, streams):
    """The number of a process that carries out a request."""
    if number := os.fork():
        return number
    code = 1
    try:
        for stream, descriptor in zip((open(os.devnull), *streams), range(3), strict=True):  # noqa: SIM115
            os.dup2(stream.fileno(), descriptor)
        os.environ |= environment
        code = carried_out(request["program"], request["words"])
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


def ends_of(processes, seconds):
    """The exit codes of processes, of which those that take longer are killed."""
    until, codes = time.monotonic() + seconds, {}
    while len(codes) < len(processes):
        for number in processes:
            if number not in codes and (ended := os.waitpid(number, os.WNOHANG)) != (0, 0):
                codes[number] = os.waitstatus_to_exitcode(ended[1])
        input_ended, _, _ = select.select([0], [], [], 0.02)
        if input_ended or time.monotonic() > until:
            for number in processes:
                if number not in codes:
                    os.kill(number, signal.SIGKILL)
            until = float("inf")
    return [codes[number] for number in processes]


def answered(request):
    if Path(request["program"]).is_file():
        runpy.run_path(request["program"], run_name="imported")
    sys.stdout.flush()  # else each process would say it too
    with tempfile.TemporaryDirectory() as folder:
        texts = [
            [Path(folder, f"{name}{n}") for name in ("said", "wrong")] for n in range(len(request["environments"]))
        ]
        processes = []
        for environment, (said, wrong) in zip(request["environments"], texts, strict=True):
            with said.open("w") as out, wrong.open("w") as err:
                processes.append(forked(request, environment, (out, err)))
        codes = ends_of(processes, request["seconds"])
        told = [[text.read_text() for text in of_one] for of_one in texts]
    return [{"code": code, "said": said, "wrong": wrong} for code, (said, wrong) in zip(codes, told, strict=True)]


def warmed():
    """What the first training of a process imports besides, some seconds of it."""
    load("digits", limit=60)
    torch.optim.SGD([torch.zeros(1, requires_grad=True)])


if __name__ == "__main__":
    torch.set_num_threads(1)
    os.fsync = lambda descriptor: None  # as in all tests
    warmed()
    requests, answers = os.fdopen(os.dup(0), "rb", buffering=0), os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what somebody says here is no answer
    for line in requests:
        print(json.dumps(answered(json.loads(line))), file=answers, flush=True)
