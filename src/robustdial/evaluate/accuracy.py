"""Accuracy with its uncertainty, and the answers it is made of."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from robustdial.attack import Attack, answers
from robustdial.checks import said
from robustdial.data import Source, unit, whole_images
from robustdial.method.threat import Ball, Threat
from robustdial.typing import Classifier

_Z95 = 1.959963984540054
_ROUNDING = 1e-6  # of x + z, in pixels and in lengths


class Accuracy(NamedTuple):
    """Right answers among `n` images.

    >>> low, high = Accuracy(90, 100).interval
    >>> round(low, 3), round(high, 3)
    (0.826, 0.945)
    """

    correct: int
    n: int

    @property
    def value(self) -> float:
        """The share of right answers."""
        return self.correct / self.n

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval, which stays in [0, 1] and is honest near its ends (E. B. Wilson, JASA 1927)."""
        p, n, z2 = self.value, self.n, _Z95**2
        middle, half = p + z2 / (2 * n), _Z95 * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n))
        low, high = (middle - half) / (1 + z2 / n), (middle + half) / (1 + z2 / n)
        return low if self.correct else 0.0, high if self.correct < n else 1.0  # exactly, whatever is rounded


class Measured(NamedTuple):
    """Clean and robust accuracy on the same images."""

    clean: Accuracy
    robust: Accuracy


def right(f: Classifier, x: Tensor, y: Tensor) -> Tensor:
    """Which images are classified rightly, bool `[B]`. Raises as `answers` does."""
    return answers(f, x).argmax(1) == y


def image_batches(source: Source, batch: int) -> Iterator[tuple[Tensor, Tensor]]:
    """All images, in [0, 1], with their labels, `batch` at a time."""
    return chosen_batches(source, torch.split(torch.arange(len(source)), batch))


def chosen_batches(source: Source, order: Sequence[Tensor]) -> Iterator[tuple[Tensor, Tensor]]:
    """The images at each index tensor of `order`, in [0, 1], with their labels."""
    for x, y in source.batches(order):
        yield whole_images(unit(x), "measured"), y


def check_inside(threat: Threat, x: Tensor, adv: Tensor, attack: Attack) -> None:
    """Raises TypeError if an attack gives no images of the kind that it was given, ValueError if it has left [0, 1], or
    the ball of a threat that is one."""
    if not isinstance(adv, Tensor) or (adv.shape, adv.dtype) != (x.shape, x.dtype):
        found = f"{adv.dtype} {list(adv.shape)}" if isinstance(adv, Tensor) else said(adv)
        raise TypeError(
            f"{attack.name} gives {found} for images {x.dtype} {list(x.shape)}. Return one such tensor of perturbed "
            "images."
        )
    low, high = (float(end) for end in adv.aminmax())
    if not (low >= -_ROUNDING and high <= 1 + _ROUNDING):  # NaN is not inside either
        raise ValueError(f"{attack.name} gives pixels from {low:.4g} to {high:.4g}, outside [0, 1]. Mend it.")
    if isinstance(threat, Ball):
        far = float(threat.distance(x, adv).max())
        if not far <= threat.radius * (1 + _ROUNDING) + _ROUNDING:
            raise ValueError(
                f"{attack.name} moves an image by {far:.4g}, and the radius is {threat.radius:.4g}: it proves nothing. "
                "Mend it."
            )
