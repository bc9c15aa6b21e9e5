"""Is a plan right? Predicted and measured seconds of the same small trainings, on one process and on two.

    python benchmarks/plan.py [--rounds 3] [--out benchmarks/results/plan.json]

By turns, for each network and number of processes: a calibration in a process of its own, as `robustdial plan --devices
2xhere` makes it, and right after it the whole training, validation included. Both are timed in seconds of processor (of
each process, the mean over processes), which other programs on the machine disturb less than the clock.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import torch
import tyro
from interleave import circumstances, console, say, write
from rich.table import Table

from robustdial.data import Data, from_tensors
from robustdial.distributed import ALONE, Several, started_together
from robustdial.run import Run, start
from robustdial.run.calibrated import calibrated, this_machine, to_plan
from robustdial.run.forecast import forecast
from robustdial.run.training_loop import training_loop

NETWORKS = {
    "cnn of width 16": ("cnn", 16),
    "resnet18 of width 8": ("resnet18", 8),
    "resnet18 of width 16": ("resnet18", 16),
}
RECIPE, KNOBS = "oat", {"steps": 3}


@dataclass(frozen=True)
class Settings:
    """What is trained, and how often.

    Args:
        images: random pictures of 32x32 pixels in three colours, to train on.
        batch: images of an update, of all processes together.
        epochs: of each training.
        rounds: predictions and measurements of each training.
        networks: names of those to look at.
        processes: numbers of them.
        port: the first of a thousand, at one of which processes meet.
        out: file of the results.
    """

    images: int = 192
    batch: int = 64
    epochs: int = 2
    rounds: int = 3
    networks: tuple[str, ...] = tuple(NETWORKS)
    processes: tuple[int, ...] = (1, 2)
    port: int = 23511
    out: Path | None = None


def pictures(images: int) -> Data:
    """A data set that needs no download."""
    like = torch.Generator().manual_seed(0)
    parts = [(torch.rand(n, 3, 32, 32, generator=like), torch.arange(n) % 10) for n in (images + 64, 64)]
    return from_tensors(*parts, val=64 / (images + 64))


def run_of(settings: Settings, network: str, out: str) -> Run:
    """The settings of one training."""
    model, width = NETWORKS[network]
    sizes = {"epochs": settings.epochs, "batch": settings.batch}
    return Run(model=model, model_width=width, precision="float32", device="cpu", out=out, on_trouble="warn", **sizes)


def predicted(settings: Settings, network: str, processes: int) -> float:
    """Seconds of processor of each process, as a plan says."""
    run = run_of(settings, network, "nowhere")
    experiment = to_plan(RECIPE, KNOBS, run, pictures(settings.images))
    here = this_machine(experiment, processes, time.process_time)
    found = calibrated(experiment, settings.batch // processes, time.process_time)
    return forecast(experiment, found, run, processes, here, here).seconds


def measured(settings: Settings, network: str, out: str) -> float:
    """Seconds of processor that the training took, the mean over processes."""
    met = started_together()
    if met is not None:
        met.gather()
    world = ALONE if met is None else Several(met)
    experiment = start(RECIPE, KNOBS, run_of(settings, network, out), pictures(settings.images), world)
    began = time.process_time()
    for _ in training_loop(experiment):
        pass
    seconds = float(world.sum(torch.tensor(time.process_time() - began))) / world.size
    if met is not None:
        met.part()
    return seconds


def worker(settings: Settings, what: Literal["predicted", "measured"], network: str, processes: int) -> float:
    """The seconds that the first of the processes tells, which are started for that alone."""
    number = processes if what == "measured" else 1
    port = settings.port + int(time.time()) % 997
    world = {"WORLD_SIZE": number, "MASTER_ADDR": "localhost", "MASTER_PORT": port, "OMP_NUM_THREADS": 1}
    with tempfile.TemporaryDirectory() as folder:
        asked = json.dumps([what, asdict(settings) | {"out": None}, network, processes, f"{folder}/run"])
        started = [
            subprocess.Popen(
                [sys.executable, __file__, "--worker", asked],
                env=os.environ | {name: str(value) for name, value in (world | {"RANK": rank}).items()},
                stdout=subprocess.PIPE,
            )
            for rank in range(number)
        ]
        first, *_ = [process.communicate()[0] for process in started]
    return float(first)


def work(asked: str) -> None:
    """In a process of its own."""
    torch.set_num_threads(1)
    what, given, network, processes, out = json.loads(asked)
    settings = Settings(**given)
    print(predicted(settings, network, processes) if what == "predicted" else measured(settings, network, out))


def results(turns: dict[tuple[str, int], list[tuple[float, float]]]) -> dict[str, Any]:
    """What is known after some rounds of predicted and measured seconds: medians, and the ratio of every round."""
    rows = []
    for (network, number), pairs in turns.items():
        said, took = (statistics.median(seconds) for seconds in zip(*pairs, strict=True))
        ratios = [said / took for said, took in pairs]
        row = {"network": network, "processes": number, "predicted": said, "measured": took}
        rows.append(row | {"ratio": statistics.median(ratios), "ratios": ratios})
    return {"rows": rows, "within 25 %": all(0.75 <= row["ratio"] <= 1.25 for row in rows)}


def table(rows: list[dict[str, Any]]) -> Table:
    """What was found."""
    shown = Table("network", "processes", "predicted, s", "measured, s", "predicted / measured")
    for row in rows:
        ratios = f"{row['ratio']:.2f} ({min(row['ratios']):.2f} - {max(row['ratios']):.2f})"
        told = (f"{row['predicted']:.1f}", f"{row['measured']:.1f}", ratios)
        shown.add_row(row["network"], str(row["processes"]), *told)
    return shown


def main(settings: Settings) -> None:
    torch.set_num_threads(1)
    turns: dict[tuple[str, int], list[tuple[float, float]]] = {
        (network, number): [] for network in settings.networks for number in settings.processes
    }
    for done in range(1, settings.rounds + 1):
        for pair, found in turns.items():
            found.append((worker(settings, "predicted", *pair), worker(settings, "measured", *pair)))
            console.print(
                f"round {done}: {pair[0]}, {pair[1]}: {found[-1][0]:.2f} s predicted, {found[-1][1]:.2f} s measured"
            )
        known, facts = results(turns), circumstances(done) | {"load": os.getloadavg()[0]}
        console.print(table(known["rows"]), say(facts))
        if settings.out is not None:  # a machine may be needed for something else before the last round
            write(settings.out, facts | {"settings": asdict(settings) | {"out": None}}, known)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        work(sys.argv[2])
    else:
        main(tyro.cli(Settings))
