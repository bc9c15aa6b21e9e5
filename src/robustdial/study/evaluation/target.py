"""What is evaluated: a network at one position, the images it answers, the threat it claims to withstand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from robustdial import record
from robustdial.data import Source
from robustdial.folding import folded
from robustdial.method.threat import Threat
from robustdial.own_code import named
from robustdial.precision import Prepared
from robustdial.run import Experiment
from robustdial.study.tradeoff import lambdas_of, test_images
from robustdial.typing import Json

_CHOSEN_ON = {"best": "val", "last": "none"}


@dataclass(frozen=True)
class Subject:
    """A network under evaluation.

    Args:
        f: images in [0, 1] to logits, in evaluation mode.
        source: the images.
        threat: where the adversary may move.
        classes: their names.
        folder: where the results go.
        about: what else tells this network and these images from others, and stands in `score.json`: `model`, `weights`
            (a fingerprint), `dataset`, `part`, `lam`, `width`, `trained`, and `chosen_on`, the part of the data that
            the checkpoint was chosen on, None where nobody has said.
        notes: what was decided for the reader about the images.
        another: a network for the same task, whose adversaries are tried on `f` by the checks.
    """

    f: nn.Module
    source: Source
    threat: Threat
    classes: tuple[str, ...]
    folder: Path
    about: Mapping[str, Json]
    notes: tuple[str, ...] = ()
    another: nn.Module | None = None

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return next((weight.device for weight in self.f.parameters()), torch.device("cpu"))


def of_run(
    experiment: Experiment,
    lam: float | None,
    width: float = 1.0,
    *,
    n: int | None = None,
    threat: Threat | None = None,
) -> Subject:
    """A run at one position of its dial, on `n` test images, under its own threat or another one.

    The network is the one that `bake` ships, with its batch norms folded: the same logits to rounding, quicker.

    Raises ValueError off the dial.
    """
    dial, about = experiment.method.dial, experiment.about
    return Subject(
        Prepared(folded(experiment.baked(lam, width)), "float32"),
        test_images(experiment, n),
        threat or experiment.method.threat,
        experiment.data.classes,
        experiment.folder,
        {
            "model": f"{named(about['recipe'])}, {named(about['model']['name'])}",
            "weights": record.fingerprint(experiment.state.served.state_dict()),
            "dataset": experiment.data.name,
            "part": "test",
            "lam": lam,
            "width": width,
            "trained": dial.trained(lam, width),
            "chosen_on": _CHOSEN_ON.get(experiment.checkpoint),
        },
        experiment.data.notes,
        _neighbour(experiment, lam, width),
    )


def _neighbour(experiment: Experiment, lam: float | None, width: float) -> nn.Module | None:
    """The network at the nearest other lambda; None without a dial."""
    others = [other for other in lambdas_of(experiment.method.dial) if other is not None and other != lam]
    if lam is None or not others:
        return None
    return experiment.at(min(others, key=lambda other: abs(other - lam)), width)
