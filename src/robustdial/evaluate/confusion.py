"""Which class is answered for which: a table of counts, on two halves of the images."""

from __future__ import annotations

import torch
from torch import Tensor

from robustdial.attack import answers
from robustdial.data import Source, unit
from robustdial.precision import full_precision
from robustdial.randomness import seeded
from robustdial.typing import Classifier


def confusion(f: Classifier, source: Source, *, batch: int = 256, seed: int = 0) -> Tensor:
    """The answers of a network, in evaluation mode, on all images of a source: `counted`."""
    parts = torch.split(torch.arange(len(source)), batch)
    with full_precision(), seeded(seed, torch.device("cpu")), torch.no_grad():
        logits = torch.cat([answers(f, unit(x)).cpu() for x, _ in source.batches(parts)])
    return counted(source.labels, logits)


def counted(labels: Tensor, logits: Tensor) -> Tensor:
    """How often images of each class are answered as each, in two halves that share every class alike.

    Args:
        labels: `[N]`.
        logits: `[N, K]`.

    Returns:
        Counts, int64 `[2, K, K]`: half, label, answer.

    >>> counted(torch.tensor([0, 0, 1]), torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])).tolist()
    [[[1, 0], [0, 1]], [[0, 1], [0, 0]]]
    """
    classes, places = logits.shape[1], labels.argsort(stable=True)
    half = torch.empty_like(labels)
    half[places] = torch.arange(len(labels), device=labels.device) % 2
    cell = (half * classes + labels) * classes + logits.argmax(1)
    return cell.bincount(minlength=2 * classes**2).view(2, classes, classes)
