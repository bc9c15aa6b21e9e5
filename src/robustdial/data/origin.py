"""Where the images of a batch come from, for what is kept of each of them from epoch to epoch."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from robustdial.checks import said
from robustdial.data.augment import Augmentation, Move, Then, none
from robustdial.data.base import Data, unit


@dataclass(frozen=True)
class Origin:
    """Which images of the training set a batch holds, and how they were moved.

    What is kept of the images is kept as they were before, in the frame of their crop: a store
    `[N, C, H + 2 margin, W + 2 margin]`.

    Args:
        index: number of each image in the training set, int64 `[B]`.
        images: size of the training set, N.
        move: what the augmentation did to them.
    """

    index: Tensor
    images: int
    move: Move

    def store(self, x: Tensor, dtype: torch.dtype) -> Tensor:
        """An empty store (zeros) for images like `x` `[B, C, H, W]`."""
        channels, height, width = x.shape[1:]
        margins = 2 * self.move.margin
        return torch.zeros(self.images, channels, height + margins, width + margins, dtype=dtype, device=x.device)

    def take(self, store: Tensor) -> Tensor:
        """What the store holds of these images, moved like them, `[B, C, H, W]`."""
        return self.move.take(store[self.index])

    def written(self, store: Tensor, z: Tensor) -> Tensor:
        """What the store is to hold of these images, `[B, C, H + 2 margin, W + 2 margin]`, so that `take` gives `z`
        `[B, C, H, W]`; what the images do not show stays as it was."""
        return self.move.undo(z.to(store.dtype), store[self.index])

    def part(self, rows: slice) -> Origin:
        """Where some images of the batch come from."""
        return replace(self, index=self.index[rows], move=self.move.part(rows))


def augmented(data: Data, index: Tensor, x: Tensor, images: int | None = None) -> tuple[Tensor, Origin | None]:
    """The training images `x`, numbers `index` of a set of so many `images`, augmented and in [0, 1]; and their origin.

    The origin is None where the augmentation cannot say what it did, having no `draw`; of one after another (`Then`),
    the first is asked.
    """
    first, second = (
        (data.augment.first, data.augment.second) if isinstance(data.augment, Then) else (data.augment, none)
    )
    if not isinstance(first, Augmentation):
        return _in_units(second(first(x))), None
    move = first.draw(x)
    return _in_units(second(move(x))), Origin(index.to(x.device, non_blocking=True), images or len(data.train), move)


def _in_units(x: object) -> Tensor:
    if not isinstance(x, Tensor):
        raise TypeError(f"The augmentation gives {said(x)}. It is given a tensor [B, C, H, W], and must give one.")
    return unit(x)
