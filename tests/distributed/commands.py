"""Carries out commands in one of several processes: `python commands.py PLAN`, a JSON list of what each is to do.

A step of the plan has `port`, `argv` (one list for all processes, or one for each), and may have `stop` (after so many
batches, process 1 is asked to), `hang` (for so many seconds, process 1 does, at its second batch), `code` (process 1
has other source), `data` (it has other images) and `patience`.
"""

import contextlib
import io
import json
import os
import signal
import sys
import time
from pathlib import Path

import torch

from robustdial.cli import main
from robustdial.cli.commands import training_progress
from robustdial.run import alike

CARRY_OUT, SOURCE, DATA = training_progress.training_loop, alike.source_digest, alike.data_digest


def disturbed(step, rank):
    """`training_loop`, in which process 1 is stopped or hangs."""

    def carried_out(experiment):
        for number, done in enumerate(CARRY_OUT(experiment), start=1):
            if rank == 1 and number == step.get("stop"):
                signal.raise_signal(signal.SIGTERM)
            if rank == 1 and number == 2:
                time.sleep(step.get("hang", 0))
            yield done

    return carried_out


def training_loop(step, rank):
    print("robustdial", *step["argv"], file=sys.stderr, flush=True)  # the last of these words has failed, if one has
    os.environ["MASTER_PORT"] = str(step["port"])
    os.environ["ROBUSTDIAL_PATIENCE"] = str(step.get("patience", 60))
    argv = step["argv"][rank] if isinstance(step["argv"][0], list) else step["argv"]
    training_progress.training_loop = disturbed(step, rank)
    alike.source_digest = lambda: f"other source {rank}" if step.get("code") else SOURCE()
    alike.data_digest = lambda data: f"other images {rank}" if step.get("data") else DATA(data)
    said, wrong = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(wrong):
        code = main.run(argv)
    return {"code": code, "said": said.getvalue(), "wrong": wrong.getvalue()}


if __name__ == "__main__":
    torch.set_num_threads(1)
    plan, rank = Path(sys.argv[1]), int(os.environ["RANK"])
    ends = [training_loop(step, rank) for step in json.loads(plan.read_text())]
    plan.with_name(f"end-{rank}.json").write_text(json.dumps(ends))
