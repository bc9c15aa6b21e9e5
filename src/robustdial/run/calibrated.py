"""A short calibration: what a few updates here ask of a device, and how fast this machine is."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from robustdial.data import Data
from robustdial.plan.arithmetic import Network, Work
from robustdial.plan.devices import DEVICES, HERE, Device
from robustdial.randomness import seeded
from robustdial.run.asked import asked
from robustdial.run.estimate import Clock, Trial, passes_by_epoch, trial, typical_passes, validation_passes
from robustdial.run.experiment import Experiment
from robustdial.run.opening import put_together
from robustdial.run.rehearsal import Understudy
from robustdial.run.settings import Run
from robustdial.training.optimizer import optimizer_for

_PATIENCE = 10.0  # seconds that one batch of the calibration may take
_TRIED = 2.0  # seconds that batches are repeated for
_FEW = 4  # images of the first batch that is tried
_LOOPBACK = 1e9  # bytes per second between two processes of one machine


@dataclass(frozen=True)
class Calibration:
    """What a few updates here have shown.

    Args:
        images: of the batches that were tried.
        low, high: the work of one of them at the fewest and at the most passes of the training, by passes.
        kept: bytes that are kept at once for the backward, per image.
        network: what is there however large the batch is.
        lower: whether this machine computed in bfloat16.
        validation: passes over images when an epoch ends.
    """

    images: int
    low: tuple[int, Work]
    high: tuple[int, Work]
    kept: float
    network: Network
    lower: bool
    validation: float


def to_plan(name: str, knobs: Mapping[str, Any], run: Run, data: Data | None = None) -> Experiment:
    """The run as it is calibrated: in one process, batches in one part, from fresh weights; nothing is written."""
    plain = replace(run, accumulate=1, pretrained=False, compile=False)
    return put_together(name, knobs, plain, data)


def calibrated(experiment: Experiment, part: int, clock: Clock = time.perf_counter) -> Calibration:
    """Try a few batches, of `part` images if these take no longer than some seconds, else of fewer."""
    passes = passes_by_epoch(experiment.method.schedule, experiment.run.epochs)
    low, high = min(passes), max(passes)
    with seeded(0, experiment.device):
        understudy = Understudy.of(experiment, compiled=False)
        images = _affordable(partial(trial, understudy, high, clock=clock), part)
        first = _worked(understudy, low, images, clock)
        last = first if high == low else _worked(understudy, high, images, clock)
    return Calibration(
        images=images,
        low=(low, first[0]),
        high=(high, last[0]),
        kept=max(first[1], last[1]) / images,
        network=_network(experiment),
        lower=experiment.about["run"]["precision"] == "bfloat16",
        validation=validation_passes(experiment),
    )


def _affordable(tried: Callable[[int], Trial], part: int) -> int:
    """How many images of `part` are tried, from what a few of them take."""
    few = min(_FEW, part)
    seconds = tried(few).seconds / few
    return max(few, min(part, int(_PATIENCE / max(seconds, 1e-9))))


def _worked(understudy: Understudy, passes: int, images: int, clock: Clock) -> tuple[Work, float]:
    """The work of a batch, and the bytes that it keeps at once."""
    first = trial(understudy, passes, images, clock=clock)
    repeats = max(3, min(50, int(_TRIED / max(first.seconds, 1e-9))))
    tried = trial(understudy, passes, images, repeats, clock)
    (batch,) = understudy.batches(1, images)
    found = asked(understudy, batch, passes)
    typical, spent = typical_passes(understudy, batch, found.sums)
    scale = typical / spent
    averages = found.updates * (1.0 + bool(understudy.experiment.run.awp))  # adversarial weights ask for one too
    work = Work(scale * found.macs, scale * found.kept, found.starts, typical, averages, tried.seconds)
    return work, found.peak


def _network(experiment: Experiment) -> Network:
    run, model = experiment.run, experiment.state.model
    weights = sum(weight.numel() for weight in model.parameters())
    buffers = sum(buffer.numel() for buffer in model.buffers())
    copies = bool(run.ema) + bool(run.teacher)
    return Network(weights, buffers, _slots(run), copies)


def _slots(run: Run) -> float:
    """Numbers that the optimizer keeps for each weight, seen on a few weights."""
    few = nn.Linear(32, 32, bias=False)
    optimizer = optimizer_for(few, run.lr, run.momentum, run.weight_decay, run.optimizer)
    few.weight.grad = torch.zeros_like(few.weight)
    optimizer.step()
    kept = sum(v.numel() for v in optimizer.state[few.weight].values() if isinstance(v, torch.Tensor) and v.dim())
    return kept / few.weight.numel()


def this_machine(experiment: Experiment, processes: int, clock: Clock = time.perf_counter) -> Device:
    """This machine as a device: the rates of a matrix product and of a copy, and a share of its memory."""
    device, lower = experiment.device, experiment.about["run"]["precision"] == "bfloat16"
    peak, bandwidth = _product_rate(device, lower, clock), _copy_rate(device, clock)
    if device.type == "cuda":
        named = torch.cuda.get_device_name(device)
        link = next(
            (known.link for name, known in DEVICES.items() if name in named), min(d.link for d in DEVICES.values())
        )
        room = float(torch.cuda.get_device_properties(device).total_memory)
    else:
        link, room = _LOOPBACK, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / processes
    return Device(HERE, peak if lower else None, peak, room, bandwidth, link, "measured", 0.0)


def _product_rate(device: torch.device, lower: bool, clock: Clock) -> float:
    side = 1024 if device.type == "cpu" else 8192
    a = torch.rand(side, side, device=device, dtype=torch.bfloat16 if lower else torch.float32)
    return 2 * side**3 / _best(lambda: a @ a, clock)


def _copy_rate(device: torch.device, clock: Clock) -> float:
    numbers = torch.zeros(2**24, device=device)
    return 2 * numbers.nbytes / _best(numbers.clone, clock)


def _best(work: Callable[[], Tensor], clock: Clock) -> float:
    """Seconds of the fastest of a few tries."""
    times: list[float] = []
    for _ in range(4):
        began = clock()
        float(work().flatten()[0])  # waits for an accelerator
        times.append(clock() - began)
    return max(min(times), 1e-9)
