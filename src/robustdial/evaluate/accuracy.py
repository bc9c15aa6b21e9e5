"""Accuracy with its uncertainty, and how it is measured."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn

from robustdial.attack.base import Attack
from robustdial.data import Source, unit, whole_images
from robustdial.threat import Threat
from robustdial.typing import Classifier

_Z95 = 1.959963984540054


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
        return max(0.0, (middle - half) / (1 + z2 / n)), min(1.0, (middle + half) / (1 + z2 / n))


class Measured(NamedTuple):
    """Clean and robust accuracy on the same images."""

    clean: Accuracy
    robust: Accuracy


def measure(f: Classifier, source: Source, attack: Attack, threat: Threat, batch: int = 256) -> Measured:
    """Clean accuracy, and accuracy under attack, over all images of `source`.

    An image is robust if it is classified rightly both clean and attacked; only rightly classified images are attacked.

    Raises:
        ValueError: `f` is a module in training mode (its answers would depend on the batch), or its logits are not `[B,
            K]`.
        FloatingPointError: its logits are not finite.
    """
    check_mode(f)
    clean = robust = 0
    for x, y in image_batches(source, batch):
        standing = right(f, x, y)
        clean += int(standing.sum())
        x, y = x[standing], y[standing]
        if len(x):
            robust += int(right(f, attack(f, x, y, threat), y).sum())
    return Measured(Accuracy(clean, len(source)), Accuracy(robust, len(source)))


def clean_accuracy(f: Classifier, source: Source, batch: int = 256) -> Accuracy:
    """Accuracy on the images as they are. Raises as `measure` does."""
    check_mode(f)
    return Accuracy(sum(int(right(f, x, y).sum()) for x, y in image_batches(source, batch)), len(source))


@torch.no_grad()
def right(f: Classifier, x: Tensor, y: Tensor) -> Tensor:
    """Which images are classified rightly, bool `[B]`."""
    logits = f(x)
    if logits.dim() != 2 or len(logits) != len(x):
        raise ValueError(
            f"The network gives {tuple(logits.shape)} for {len(x)} images; logits must be [images, classes]."
        )
    if not bool(torch.isfinite(logits).all()):
        raise FloatingPointError("The network gives logits that are not finite (NaN or infinity). Check its weights.")
    return logits.argmax(1) == y


def check_mode(f: Classifier) -> None:
    """Raises ValueError if a module's answers would depend on the batch."""
    layers = f.modules() if isinstance(f, nn.Module) else ()
    if any(layer.training for layer in layers if not any(layer.children())):  # a wrapper's own flag may be stale
        raise ValueError("The network is in training mode: its answers depend on the batch. Call model.eval() first.")


def image_batches(source: Source, batch: int) -> Iterator[tuple[Tensor, Tensor]]:
    """All images, in [0, 1], with their labels, `batch` at a time."""
    for x, y in source.batches(torch.split(torch.arange(len(source)), batch)):
        yield whole_images(unit(x), "measured"), y
