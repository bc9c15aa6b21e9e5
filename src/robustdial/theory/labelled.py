"""Points whose targets are known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from robustdial.theory.arrays import Array, numbers


@dataclass(frozen=True, eq=False)
class Labelled:
    """Features and targets, without noise: some theta* has y = x theta*.

    Args:
        x: `[n, d]`.
        y: `[n]`.

    >>> (Labelled([[1, 0]], [1]) + Labelled([[0, 1]], [2])).y
    array([1., 2.])
    """

    x: Array
    y: Array

    def __post_init__(self) -> None:
        object.__setattr__(self, "x", numbers("x", self.x, None, None))
        object.__setattr__(self, "y", numbers("y", self.y, len(self.x)))

    def __add__(self, other: Labelled) -> Labelled:
        """The points of both."""
        return Labelled(
            np.concatenate([self.x, numbers("x of the extra points", other.x, None, self.x.shape[1])]),
            np.concatenate([self.y, other.y]),
        )
