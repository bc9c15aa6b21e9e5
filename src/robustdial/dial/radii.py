"""How far the adversary of a row may go, given where the dial stands for that row."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from robustdial.checks import fields_fit
from robustdial.typing import Reach


class Radii(Protocol):
    """Lambda to the share of the threat's radius."""

    def reach(self, lam: Tensor) -> Reach:
        """Shares of the radius `[B]` at `lam` `[B]`, or one number for all rows."""
        ...


@dataclass(frozen=True)
class Same:
    """Every adversary has the whole radius; lambda weighs its loss."""

    def reach(self, lam: Tensor) -> Reach:
        return 1.0


@dataclass(frozen=True)
class Proportional:
    """The radius grows with lambda, from nothing at 0 to `most` times the threat's at 1.

    Args:
        most: share of the radius at lambda = 1; above 1, the robust end is trained beyond the radius it is meant for.

    >>> import torch
    >>> Proportional(1.5).reach(torch.tensor([0.0, 0.5, 1.0]))
    tensor([0.0000, 0.7500, 1.5000])
    """

    most: float = 1.0

    def __post_init__(self) -> None:
        fields_fit(self)
        if not 0 < self.most < math.inf:
            raise ValueError(f"most={self.most:g} is not a share of a radius. Give a positive number, for example 1.5.")

    def reach(self, lam: Tensor) -> Reach:
        return self.most * lam
