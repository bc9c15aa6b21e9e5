"""What a run costs when it is served, at each width, and at positions that cost otherwise."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from robustdial.dial import DialKind
from robustdial.evaluate import Position, cost, latencies
from robustdial.precision import Prepared
from robustdial.provenance import machine
from robustdial.run import Experiment
from robustdial.study.tradeoff.positions import widths_of
from robustdial.typing import Json

BATCH = 1
"""Images per forward: a request."""


def places_of(dial: DialKind, widths: Sequence[float]) -> list[Position]:
    """Positions at these widths of which each stands for all that cost the same."""
    return [Position(lam, width) for width in widths for lam in dict.fromkeys(map(dial.costs_like, dial.lambdas))]


def costs_of(experiment: Experiment, places: Sequence[Position]) -> list[dict[str, Json]]:
    """Parameters, multiply-adds of one image, and seconds per forward of the baked network at each of some positions.

    Networks are timed as they are served (float32, channels last), all of them by turns.
    """
    networks = [experiment.baked(*place) for place in places]
    x = torch.rand(BATCH, *experiment.data.shape, device=experiment.device)
    timed = latencies([Prepared(network, "float32") for network in networks], x)
    sizes = [cost(network, experiment.data.shape) for network in networks]
    return [
        {
            "lam": lam,
            "width": width,
            **size._asdict(),
            "latency": time.median,
            "latency_quartiles": [time.low, time.high],
        }
        for (lam, width), size, time in zip(places, sizes, timed, strict=True)
    ]


def dialed_cost(experiment: Experiment) -> dict[str, Json]:
    """Parameters and multiply-adds with the dial in place, all that it holds included, at its middle and widest."""
    dial = experiment.method.dial
    middle = dial.lambdas[len(dial.lambdas) // 2]
    return cost(experiment.at(middle, widths_of(dial)[0]), experiment.data.shape)._asdict()


def timing_of(experiment: Experiment) -> dict[str, Json]:
    """Under which conditions the seconds hold."""
    here, device = machine(), experiment.device
    return {
        "batch": BATCH,
        "device": str(device),
        "machine": here["gpu"] if device.type == "cuda" else here["cpu"],
        "threads": torch.get_num_threads(),
    }
