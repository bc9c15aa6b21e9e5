"""`robustdial demo`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from robustdial import record
from robustdial.cli.commands.frontier import frontier
from robustdial.cli.commands.training_progress import train_with_progress
from robustdial.cli.commands.two_stage import DISTIL, first_of, train_first
from robustdial.cli.terminal import console
from robustdial.cli.usage import UsageError
from robustdial.run import Run, read_about, resume, start

OUT = "runs/demo"
RUN = Run(data="shapes", model="cnn", model_width=8, epochs=18, batch=32, lr=0.03, seed=0, out=OUT)
KNOBS = {"eps": 0.08, "steps": 3, "reach": 1.2, "lambdas": (0.0, 0.2, 0.4, 0.6, 0.8, 1.0), "warm": 0.0}


def demo(out: Path = Path(OUT)) -> int:
    """Train a dial on drawn shapes, measure its trade-off and write the report, in two minutes.

    Args:
        out: folder of the run.
    """
    # the network is so small that a second thread gains a quarter; on a busy machine, threads that wait cost ten times
    torch.set_num_threads(1)
    if (out / record.RUN).exists():
        if (other := read_about(out)["data"]["name"]) != RUN.data:
            raise UsageError(f"{out} is a run on {other}, not the demo. Choose another --out.")
        console.print(f"{out} is there already: continuing it (delete it for a fresh one)")
        experiment = resume(out)
    else:
        record.check_free(out)
        first = first_of(str(out))
        if code := train_first(replace(RUN, epochs=5, out=first), KNOBS):
            return code
        experiment = start("radial", KNOBS, replace(RUN, start=first, teacher=first, distil=DISTIL, out=str(out)))
    return train_with_progress(experiment) or frontier(out)
