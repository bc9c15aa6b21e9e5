"""Random crops and flips of a whole batch, on its device, that can be done again to another tensor and undone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import torch
import torch.nn.functional as F
from torch import Tensor

from robustdial.data.base import Shape
from robustdial.distributed import drawn


@dataclass(frozen=True)
class Move:
    """What an augmentation did to a batch: of an image in its frame, which pixel went where.

    The frame is the image with `margin` pixels around it, from which a crop takes its window.

    Args:
        margin: pixels around the image; zeros around an image, anything in a tensor that has them already.
        cells: which pixel of the frame, counted row by row, each pixel of the window shows, int64 `[B, H, W]`; no two
            show the same.

    >>> mirror = Move(0, torch.tensor([[[1, 0]]]))
    >>> mirror(torch.tensor([[[[0.3, 0.7]]]]))
    tensor([[[[0.7000, 0.3000]]]])
    """

    margin: int
    cells: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        """The images `[B, C, H, W]`, moved."""
        return self.take(F.pad(x, [self.margin] * 4))

    def take(self, framed: Tensor) -> Tensor:
        """The window of `[B, C, H + 2 margin, W + 2 margin]`, `[B, C, H, W]`."""
        return framed.flatten(2).gather(2, self._index(framed)).view(*framed.shape[:2], *self.cells.shape[1:])

    def undo(self, window: Tensor, framed: Tensor) -> Tensor:
        """`framed` with the window put back where `take` takes it from; what it does not show stays as it was."""
        return framed.flatten(2).scatter(2, self._index(framed), window.flatten(2)).view_as(framed)

    def part(self, rows: slice) -> Move:
        """The move of some images of the batch."""
        return replace(self, cells=self.cells[rows])

    def _index(self, framed: Tensor) -> Tensor:
        return self.cells.flatten(1)[:, None].expand(-1, framed.shape[1], -1)


@runtime_checkable
class Augmentation(Protocol):
    """A random change of images that can say what it did."""

    def __call__(self, x: Tensor) -> Tensor:
        """The images, moved at random."""
        ...

    def draw(self, x: Tensor) -> Move:
        """A random move for images like `x`; the random numbers are those of a call."""
        ...


@dataclass(frozen=True)
class Still:
    """The images as they are."""

    def __call__(self, x: Tensor) -> Tensor:
        return x

    def draw(self, x: Tensor) -> Move:
        return _window(x, 0, *torch.zeros(2, len(x), dtype=torch.int64, device=x.device))


@dataclass(frozen=True)
class Crop:
    """Shift each image by up to `pad` pixels in each direction; zeros move in. Another shift for each image."""

    pad: int

    def __call__(self, x: Tensor) -> Tensor:
        return self.draw(x)(x)

    def draw(self, x: Tensor) -> Move:
        corners = drawn(lambda x: torch.randint(0, 2 * self.pad + 1, (2, len(x)), device=x.device).T, x)
        return _window(x, self.pad, *corners.T)


@dataclass(frozen=True)
class Flip:
    """Mirror each image left to right with probability 1/2."""

    def __call__(self, x: Tensor) -> Tensor:
        return self.draw(x)(x)

    def draw(self, x: Tensor) -> Move:
        return _mirrored(none.draw(x))


@dataclass(frozen=True)
class CropFlip:
    """`Crop(pad)`, then `flip`: the usual augmentation of CIFAR with `pad=4`."""

    pad: int

    def __call__(self, x: Tensor) -> Tensor:
        return self.draw(x)(x)

    def draw(self, x: Tensor) -> Move:
        return _mirrored(Crop(self.pad).draw(x))


@dataclass(frozen=True)
class Then:
    """One augmentation after another.

    What is kept of an image from visit to visit (`data.Origin`) lies on it as the first one leaves it: the second may
    be any change of images.

    Args:
        first: an augmentation.
        second: what comes after it.
    """

    first: Callable[[Tensor], Tensor]
    second: Callable[[Tensor], Tensor]

    def __call__(self, x: Tensor) -> Tensor:
        return self.second(self.first(x))


none, flip = Still(), Flip()


def enlarged(augment: Callable[[Tensor], Tensor], factor: float) -> Callable[[Tensor], Tensor]:
    """The same augmentation for images that are `factor` times as large, where it counts pixels.

    >>> enlarged(CropFlip(28), 0.5)
    CropFlip(pad=14)
    """
    return replace(augment, pad=round(factor * augment.pad)) if isinstance(augment, Crop | CropFlip) else augment


def _window(x: Tensor, margin: int, down: Tensor, right: Tensor) -> Move:
    """The window of the size of `x` whose corner is at `down`, `right` `[B]` of the frame."""
    height, width = x.shape[2:]
    rows, columns = height + 2 * margin, width + 2 * margin
    frame = torch.arange(rows * columns, device=x.device).view(rows, columns)
    return Move(margin, frame.unfold(0, height, 1).unfold(1, width, 1)[down, right])


def _mirrored(move: Move) -> Move:
    mirrored = drawn(lambda cells: torch.rand(len(cells), 1, 1, device=cells.device), move.cells) < 0.5
    return replace(move, cells=torch.where(mirrored, move.cells.flip(-1), move.cells))


def customary(shape: Shape) -> Callable[[Tensor], Tensor]:
    """For a set of unknown content: crop by an eighth and flip in colour, nothing in grey (where left matters more)."""
    channels, height, width = shape
    return CropFlip(min(height, width) // 8) if channels == 3 else none
