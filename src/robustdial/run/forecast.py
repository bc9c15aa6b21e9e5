"""What a training would cost on so many devices, from a calibration here and the arithmetic of `robustdial.plan`."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from robustdial.plan.arithmetic import Memory, batch_seconds, between, least_seconds, memory, seconds_on, wire_bytes
from robustdial.plan.devices import Device
from robustdial.run.calibrated import Calibration
from robustdial.run.estimate import passes_by_epoch
from robustdial.run.experiment import Experiment
from robustdial.run.settings import Run
from robustdial.training.door import check_divides


@dataclass(frozen=True)
class Forecast:
    """What a training would cost.

    Attributes:
        epochs: passes per batch of each epoch.
        most: passes per batch that its schedule may come to.
        images: images learned from.
        passes: passes over images.
        seconds: of all devices together at work, validation included.
        memory: of each device.
        wire: bytes that each device sends for each update.
        share: of the roofline of this machine that its updates reached.
        precision: in which the devices compute.
    """

    epochs: tuple[int, ...]
    most: int
    images: int
    passes: float
    seconds: float
    memory: Memory
    wire: float
    share: float
    precision: str


def forecast(
    experiment: Experiment, found: Calibration, run: Run, number: int, device: Device, here: Device
) -> Forecast:
    """A training of `experiment` with the settings `run` on so many devices, from a calibration `here`.

    Raises ValueError if the devices do not divide the batch.
    """
    whole = min(run.batch, experiment.feed.images)
    check_divides(number, run.accumulate, whole)
    part = whole // (number * run.accumulate)
    away = device.name != here.name
    lower = found.lower if not away else run.precision != "float32" and device.bfloat16 is not None
    scale = (0.5 if lower else 1.0) / (0.5 if found.lower else 1.0)
    share = least_seconds(found.high[1], here, found.lower) / found.high[1].seconds
    wire = wire_bytes(found.network.weights, number)
    epochs = passes_by_epoch(experiment.method.schedule, run.epochs)

    def of_batch(passes: int, area: float = 1.0) -> tuple[float, float]:
        """Seconds, and passes over images, of a batch on all devices; its images have this share of the last size."""
        work = between(found.low, found.high, passes).scaled(part / found.images)
        smaller = work.scaled(area)
        seconds = seconds_on(smaller, device, lower, share, scale) if away else smaller.seconds
        took = batch_seconds(seconds, run.accumulate, work.updates, wire, device.link)
        return took, number * run.accumulate * work.spent

    batches, times = experiment.batches, list(map(of_batch, epochs, _areas(run)))
    seconds, spent = (batches * sum(each[which] for each in times) for which in (0, 1))
    slowest, most = of_batch(found.high[0])  # validation is at the last size
    validation = run.epochs * found.validation * slowest / max(most, 1.0)
    return Forecast(
        epochs=tuple(epochs),
        most=experiment.method.schedule.most,
        images=batches * whole * run.epochs,
        passes=spent,
        seconds=seconds + validation,
        memory=memory(found.network, scale * found.kept * _largest(run), part),
        wire=wire,
        share=share,
        precision="bfloat16" if lower else "float32",
    )


def _areas(run: Run) -> list[float]:
    """Pixels of an image in each epoch, as a share of those at the last size, at which a calibration is made."""
    ends = [epoch / run.epochs for epoch in range(run.epochs + 1)]
    return [run.sides.work(*span) if run.sides else 1.0 for span in pairwise(ends)]


def _largest(run: Run) -> float:
    """Pixels of the largest images of a training, as a share of those at the last size."""
    return (max(run.sides.sides) / run.sides.last) ** 2 if run.sides else 1.0
