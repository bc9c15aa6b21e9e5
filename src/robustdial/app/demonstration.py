"""What the page asks of a run: answers, adversaries, costs, a choice, a file to ship."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import torch
from PIL import Image
from torch import Tensor, nn

from robustdial import record
from robustdial.attack import PGDAttack, parse
from robustdial.data import balanced, unit
from robustdial.data.picture import decode, pixels
from robustdial.data.reading import Reading
from robustdial.evaluate import Cost, cost
from robustdial.method.threat import Ball, Threat
from robustdial.own_code import edited
from robustdial.precision import full_precision
from robustdial.randomness import seeded
from robustdial.run import Experiment, trained
from robustdial.ship import bake as shipping
from robustdial.study.tradeoff import Targets, choice_ledger, conclude, lambdas_of, search, widths_of
from robustdial.typing import Json

SAMPLES, STEPS, KEPT = 12, 20, 24
"""Test images to choose from, steps of the attack, networks of positions that are kept ready."""


class Picture(NamedTuple):
    """An image that is looked at."""

    x: Tensor
    """`[1, C, H, W]` in [0, 1]."""
    label: int | None
    """Its class; None where nobody has said it."""


@dataclass
class Demonstration:
    """A trained run, as a page shows it. Many may ask at once: they are answered one after the other.

    Attributes:
        experiment: the run.
        samples: test images with their labels.
    """

    experiment: Experiment
    samples: list[Picture]
    _ready: OrderedDict[tuple[float | None, float], nn.Module] = field(default_factory=OrderedDict)
    _costs: dict[float, Cost] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes."""
        return tuple(self.experiment.data.classes)

    @property
    def threat(self) -> Threat:
        """The threat that the run was trained against."""
        return self.experiment.method.threat

    @property
    def lambdas(self) -> tuple[float | None, ...]:
        """Trained positions; (None,) for a network without a dial."""
        return tuple(lambdas_of(self.experiment.method.dial))

    @property
    def widths(self) -> tuple[float, ...]:
        """Trained widths, the full one first."""
        return tuple(widths_of(self.experiment.method.dial))

    @property
    def points(self) -> list[Json]:
        """What `robustdial frontier` has measured of this network; nothing where it was not run since."""
        path = self.experiment.folder / record.FRONTIER
        about = record.read_json(path) if path.exists() else {"points": []}
        other = about.get("weights", self._weights) != self._weights or edited(self.experiment.about["model"], about)
        return [] if other else list(about["points"])

    @cached_property
    def _weights(self) -> str:
        return record.fingerprint(self.experiment.state.served.state_dict())

    def network(self, lam: float | None, width: float) -> nn.Module:
        """The plain network of one position."""
        key = (lam, width)
        with self._lock:
            if key not in self._ready:
                self._ready[key] = self.experiment.baked(lam, width).to(self.experiment.device).eval()
                if len(self._ready) > KEPT:
                    self._ready.popitem(last=False)
            self._ready.move_to_end(key)
            return self._ready[key]

    @torch.no_grad()
    def answer(self, x: Tensor, lam: float | None, width: float) -> list[float]:
        """Probability of each class for an image `[1, C, H, W]`."""
        with self._lock, full_precision():
            logits = self.network(lam, width)(x.to(self.experiment.device))
        return [float(p) for p in logits.float().softmax(1)[0]]

    def attacked(self, picture: Picture, lam: float | None, width: float, eps: float | None) -> Tensor:
        """The image after PGD on the network of a position, within `eps` where the threat has a radius to choose.

        Where nobody has said what the image shows, the adversary moves away from the network's own answer.
        """
        f, x = self.network(lam, width), picture.x.to(self.experiment.device)
        threat = self.threat.of_radius(eps) if eps is not None and isinstance(self.threat, Ball) else self.threat
        with self._lock, seeded(0, self.experiment.device), full_precision():
            label = f(x).argmax(1) if picture.label is None else torch.tensor([picture.label], device=x.device)
            return PGDAttack(STEPS)(f, x, label, threat).cpu()

    def cost(self, width: float) -> Cost:
        """Parameters and multiply-adds of the network that would be shipped."""
        with self._lock:
            if width not in self._costs:
                self._costs[width] = cost(self.network(self.lambdas[0], width), self.experiment.data.shape)
            return self._costs[width]

    def choose(self, targets: Targets, attack: str, n: int) -> dict[str, Json]:
        """The best position for the targets, as `robustdial choose` finds it; what is measured stays in the run."""
        with self._lock:
            ledger = choice_ledger(self.experiment, parse(attack), n)
            for _ in search(ledger, targets):
                pass
            return conclude(ledger, targets, n)

    def ship(self, lam: float | None, width: float, out: Path) -> Path:
        """The network of a position as an ONNX file in the folder `out`. Raises ValueError where onnx is missing."""
        with self._lock:
            record.make_folder(out)
            shipping.write(shipping.bake(self.experiment, lam, width), "onnx", out)
        return next(out.glob("*.onnx"))

    def open(self, path: str) -> Picture:
        """An image file of a visitor's, read as the run's own images are. Raises ValueError, in words for a visitor."""
        try:
            return self.read(decode(path, "That file", Reading(background=self.experiment.run.background).colour))
        except ValueError as error:
            raise ValueError(f"{str(error).partition('. ')[0]}. Send a PNG or a JPEG.") from None

    def read(self, image: Image.Image) -> Picture:
        """An image, brought to the size and the channels that the network takes."""
        return Picture(unit(pixels(image, self.experiment.data.shape))[None], None)


def open_demonstration(folder: Path, device: str = "cpu", place: str | None = None) -> Demonstration:
    """The run in a folder with its best network, on the images at `place`, by default its own.

    Raises ValueError if it is none, or was not trained yet.
    """
    experiment = trained(folder, device, place=place)
    test = experiment.data.test
    chosen = balanced(test.labels, SAMPLES, torch.Generator().manual_seed(0))
    x, y = next(test.batches([chosen]))
    return Demonstration(experiment, [Picture(unit(x[i : i + 1]).cpu(), int(y[i])) for i in range(len(y))])
