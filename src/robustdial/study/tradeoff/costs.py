"""What each width of a run costs when it is served."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from robustdial.evaluate import cost, latencies
from robustdial.precision import Prepared
from robustdial.provenance import machine
from robustdial.run import Experiment
from robustdial.study.tradeoff.positions import lambdas_of, widths_of
from robustdial.typing import Json

BATCH = 1
"""Images per forward: a request."""


def costs_of(experiment: Experiment, widths: Sequence[float]) -> list[dict[str, Json]]:
    """Parameters, multiply-adds of one image, and seconds per forward of the baked network at each of some widths.

    Baking leaves nothing of lambda but numbers in the weights, so that all lambdas of a width cost the same. Networks
    are timed as they are served (float32, channels last), all widths by turns.
    """
    lam = lambdas_of(experiment.method.dial)[0]
    networks = [experiment.baked(lam, width) for width in widths]
    x = torch.rand(BATCH, *experiment.data.shape, device=experiment.device)
    timed = latencies([Prepared(network, "float32") for network in networks], x)
    sizes = [cost(network, experiment.data.shape) for network in networks]
    return [
        {"width": width, **size._asdict(), "latency": time.median, "latency_quartiles": [time.low, time.high]}
        for width, size, time in zip(widths, sizes, timed, strict=True)
    ]


def dialed_cost(experiment: Experiment) -> dict[str, Json]:
    """Parameters and multiply-adds with the dial in place, all widths and FiLM networks included, at the widest."""
    dial = experiment.method.dial
    return cost(experiment.at(lambdas_of(dial)[-1], widths_of(dial)[0]), experiment.data.shape)._asdict()


def timing_of(experiment: Experiment) -> dict[str, Json]:
    """Under which conditions the seconds hold."""
    here, device = machine(), experiment.device
    return {
        "batch": BATCH,
        "device": str(device),
        "machine": here["gpu"] if device.type == "cuda" else here["cpu"],
        "threads": torch.get_num_threads(),
    }
