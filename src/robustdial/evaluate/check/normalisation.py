"""The images are normalised once."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from robustdial.evaluate.check.base import Outcome, raised_if
from robustdial.evaluate.check.evidence import Evidence

_CUSTOMARY = {  # mean and standard deviation per channel; of colours first, then of grey
    "ImageNet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "CIFAR-10": ((0.4914, 0.4822, 0.4465), (0.2471, 0.2435, 0.2616)),
    "MNIST": ((0.1307,), (0.3081,)),
    "0.5": ((0.5,), (0.5,)),
}


@dataclass(frozen=True)
class Normalisation:
    """The network must do best on the images as they are given, not on images in other units."""

    id: ClassVar[str] = "normalisation"
    title: ClassVar[str] = "Normalised twice, or not at all"
    meaning: ClassVar[str] = (
        "The network is much better on images in other units: they are normalised twice, or never. What was measured "
        "is a network on images that it was not made for."
    )
    remedy: ClassVar[str] = (
        "Give images in [0, 1] to a network that normalises them once, as its first layer, with the numbers of its "
        "training."
    )

    gain: float = 0.1  # of accuracy, and more than chance gives; in other units a healthy network loses

    def __call__(self, evidence: Evidence) -> Outcome:
        plain = evidence.accuracy(evidence.x)
        best, name = max((evidence.accuracy(x), name) for name, x in _otherwise(evidence.x))
        seen = f"Accuracy is {plain:.0%} on the images as they are, and {best:.0%} at best in other units ({name})."
        chance = 2 * math.sqrt(0.5 / len(evidence.x))
        return raised_if(best - plain > max(self.gain, chance), seen)


def _otherwise(x: Tensor) -> Iterator[tuple[str, Tensor]]:
    """The images in other units."""
    yield "times 255", 255 * x
    yield "divided by 255", x / 255
    own = (x.mean((0, 2, 3)).tolist(), x.std((0, 2, 3)).clamp_min(1e-3).tolist())
    for name, numbers in {**_CUSTOMARY, "these images": own}.items():
        mean, std = (torch.tensor(each, dtype=x.dtype, device=x.device).view(1, -1, 1, 1) for each in numbers)
        if mean.shape[1] in (1, x.shape[1]):
            yield f"normalised as {name}", (x - mean) / std
            yield f"freed of the normalisation as {name}", x * std + mean
