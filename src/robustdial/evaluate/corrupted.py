"""Accuracy on corrupted images: no adversary, but worse weather, optics and compression."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from statistics import fmean
from typing import NamedTuple

import torch

from robustdial.data import Source
from robustdial.data.corruption import EXTRA, LEVELS, Levels, corruptions
from robustdial.evaluate.accuracy import Accuracy, image_batches, right
from robustdial.logits import check_in_evaluation
from robustdial.typing import Classifier


class Corrupted(NamedTuple):
    """What one corruption leaves."""

    kind: str
    level: int
    accuracy: Accuracy


def corrupted(
    f: Classifier,
    source: Source,
    kinds: Mapping[str, Levels] | None = None,
    levels: Sequence[int] = LEVELS,
    *,
    batch: int = 256,
    seed: int = 0,
) -> Iterator[Corrupted]:
    """Accuracy under each kind of corruption at each level, one after the other.

    The images are made for each network anew, but from the same random numbers, set by `seed` and drawn on the CPU:
    with equal batches every network sees the same ones on every device.

    Args:
        f: the network.
        source: the images.
        kinds: name to corruption by level; by default the published ones for images of this shape, `corruptions`.
        levels: 0 leaves the images as they are, 5 is the worst.
        batch: images at a time.
        seed: of each kind and level.

    Raises as `measure` does for a network in training mode, answers that are no logits, or are not finite; ValueError
    for a level that there is not.

    >>> from robustdial.data import Resident
    >>> bright = lambda x: torch.stack([x.mean((1, 2, 3)), 1 - x.mean((1, 2, 3))], dim=1)
    >>> images = Resident(torch.full((50, 1, 8, 8), 0.45), torch.ones(50, dtype=torch.int64))
    >>> found = corrupted(bright, images, levels=(1, 5))
    >>> [(level, accuracy.correct) for kind, level, accuracy in found if kind == "brightness"]
    [(1, 0), (5, 0)]
    """
    check_in_evaluation(f)
    kinds = corruptions(source.shape) if kinds is None else kinds
    for level in levels:
        if level not in (0, *LEVELS):
            raise ValueError(f"There is no level {level}. Choose from 0 (as they are) to {LEVELS[-1]} (the worst).")
    for kind, by_level in kinds.items():
        for level in levels:
            corrupt, generator = by_level[level], torch.Generator().manual_seed(seed)
            batches = ((corrupt(x, generator), y) for x, y in image_batches(source, batch))
            yield Corrupted(kind, level, Accuracy(sum(int(right(f, x, y).sum()) for x, y in batches), len(source)))


def mean_accuracy(found: Iterable[Corrupted]) -> float:
    """Mean corruption accuracy: over the levels of each kind, and then over the kinds, those of `EXTRA` aside.

    It has no interval: the same images stand behind every part of it.

    Raises:
        ValueError: there is nothing to take a mean of.

    >>> fog = [Corrupted("fog", 1, Accuracy(8, 10)), Corrupted("fog", 2, Accuracy(6, 10))]
    >>> round(mean_accuracy([*fog, Corrupted("snow", 1, Accuracy(3, 10))]), 3)
    0.5
    """
    by_kind: dict[str, list[float]] = {}
    for kind, _, accuracy in found:
        if kind not in EXTRA:
            by_kind.setdefault(kind, []).append(accuracy.value)
    if not by_kind:
        raise ValueError("There is no result to take the mean of. Measure some of the published kinds first.")
    return fmean(fmean(values) for values in by_kind.values())
