"""A set that is one tensor on the device: no loader, no workers, no copies."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from robustdial.data.base import Shape, numbers


class Resident:
    """Images in one tensor, which `to` moves to the device as a whole.

    Args:
        x: `[N, C, H, W]`, uint8 or float in [0, 1].
        y: int64 `[N]`.

    >>> few = Resident(torch.zeros(3, 1, 8, 8, dtype=torch.uint8), torch.tensor([4, 5, 6]))
    >>> [y.tolist() for _, y in few.batches([torch.tensor([2, 0]), torch.tensor([1])])]
    [[6, 4], [5]]
    """

    def __init__(self, x: Tensor, y: Tensor) -> None:
        self._x, self._y = x, y.to(x.device)
        self.labels = y.cpu()

    @property
    def shape(self) -> Shape:
        channels, height, width = self._x.shape[1:]
        return channels, height, width

    @property
    def images(self) -> Tensor:
        """All of them, `[N, C, H, W]`."""
        return self._x

    def __len__(self) -> int:
        return len(self._x)

    def batches(self, order: Sequence[Tensor]) -> Iterator[tuple[Tensor, Tensor]]:
        for index in order:
            place = index.to(self._x.device, non_blocking=True)
            yield self._x[place], self._y[place]

    def subset(self, indices: Tensor) -> Resident:
        return Resident(self._x[(index := numbers(indices)).to(self._x.device)], self.labels[index])

    def to(self, device: torch.device | str) -> Resident:
        return Resident(self._x.to(device), self.labels)

    def relabelled(self, labels: Tensor) -> Resident:
        """The same images with other labels, int64 `[N]`."""
        return Resident(self._x, labels)

    def settle(self, workers: int | None = None) -> Resident:
        """Itself: there is nothing to decode."""
        return self
