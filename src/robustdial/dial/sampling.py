"""How the rows of a training batch get their lambdas."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from robustdial.checks import fields_fit


class Sampling(Protocol):
    """Draws the lambdas of a training batch."""

    def rows(self, batch: int, lambdas: tuple[float, ...]) -> Tensor:
        """Index into the ascending `lambdas` of each row, int64 `[batch]` on the CPU; rows at lambda 0 come first."""
        ...


@dataclass(frozen=True)
class PerSample:
    """Every row has its own lambda: a fixed share at 0, the others uniform over the positive lambdas.

    Source: Wang et al., Once-for-All Adversarial Training, NeurIPS 2020; the share of zeros as in the authors' code.

    Args:
        zeros: share of the rows at lambda = 0; None for 1 / number of lambdas. Ignored when 0 is not on the dial.

    >>> PerSample().rows(6, (0.0, 0.5, 1.0))[:2]
    tensor([0, 0])
    """

    zeros: float | None = None

    def __post_init__(self) -> None:
        fields_fit(self)
        if self.zeros is not None and not 0 <= self.zeros <= 1:
            raise ValueError(f"zeros={self.zeros} is not a share of the batch. Choose it between 0 and 1.")

    def rows(self, batch: int, lambdas: tuple[float, ...]) -> Tensor:
        if lambdas == (0.0,):
            return torch.zeros(batch, dtype=torch.int64)
        has_zero = int(lambdas[0] == 0)
        share = 1 / len(lambdas) if self.zeros is None else self.zeros
        first = min(math.ceil(share * batch), batch) * has_zero
        rest = torch.randint(has_zero, len(lambdas), (batch - first,))
        return torch.cat([torch.zeros(first, dtype=torch.int64), rest])


@dataclass(frozen=True)
class PerBatch:
    """One lambda for all rows of a batch, uniform over the dial."""

    def rows(self, batch: int, lambdas: tuple[float, ...]) -> Tensor:
        return torch.randint(0, len(lambdas), (1,)).expand(batch)
