"""Codes: how a lambda is written into the vector that the FiLM layers read.

The paper's codes are rows of a matrix, one per trained lambda: an index, not a function of the value. Between two
trained lambdas they are interpolated. `Scalar` and `CosineFunction` are functions of lambda and need no interpolation;
between trained lambdas far apart, the interpolated cosine did better in a small trial (LOG.md).

Source of onehot, dct, orthogonal and scalar: Wang et al., Once-for-All Adversarial Training, NeurIPS 2020.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from robustdial.checks import fields_fit

Lambdas = Sequence[float]


class Encoding(Protocol):
    """A code for every lambda."""

    def table(self, lambdas: Lambdas) -> Tensor:
        """Codes of the trained lambdas `[L, E]`, float32."""
        ...

    def code(self, lam: float, lambdas: Lambdas, table: Tensor) -> Tensor:
        """Code `[E]` of any lambda between the smallest and the largest trained one."""
        ...


def interpolate(lam: float, lambdas: Lambdas, table: Tensor) -> Tensor:
    """The mixture of the two neighbouring rows of `table` `[L, ...]`, for ascending `lambdas`.

    >>> interpolate(0.25, (0.0, 1.0), torch.tensor([[0.0], [8.0]]))
    tensor([2.])
    """
    right = min(max(bisect_right(lambdas, lam), 1), len(lambdas) - 1)
    if right == 0:
        return table[0]
    left = right - 1
    t = (lam - lambdas[left]) / (lambdas[right] - lambdas[left])
    return torch.lerp(table[left], table[right], t)


@dataclass(frozen=True)
class Scalar:
    """Lambda itself.

    >>> Scalar().table((0.0, 0.5))
    tensor([[0.0000],
            [0.5000]])
    """

    def table(self, lambdas: Lambdas) -> Tensor:
        return torch.tensor(lambdas, dtype=torch.float32)[:, None]

    def code(self, lam: float, lambdas: Lambdas, table: Tensor) -> Tensor:
        return table.new_tensor([lam])


@dataclass(frozen=True)
class Cosine:
    """cos(pi k lambda), k = 0 .. dim-1, for the trained lambdas; between them, interpolated.

    Its entries are of size 1, whatever `dim` is; those of an orthogonal code shrink with its length.

    Args:
        dim: length of the code; the larger, the finer lambda is resolved and the less smooth the dial.
    """

    dim: int = 16

    def __post_init__(self) -> None:
        fields_fit(self)
        if self.dim < 2:
            raise ValueError(f"A cosine code of length {self.dim} is the same at every lambda. Use at least 2.")

    def table(self, lambdas: Lambdas) -> Tensor:
        frequencies = math.pi * torch.arange(self.dim)
        return torch.cos(torch.tensor(lambdas, dtype=torch.float32)[:, None] * frequencies)

    def code(self, lam: float, lambdas: Lambdas, table: Tensor) -> Tensor:
        return interpolate(lam, lambdas, table)


@dataclass(frozen=True)
class CosineFunction:
    """`Cosine` taken at its word: between trained lambdas the code is cos(pi k lambda) itself, not interpolated.

    Args:
        dim: length of the code.
    """

    dim: int = 16

    def __post_init__(self) -> None:
        fields_fit(self)

    def table(self, lambdas: Lambdas) -> Tensor:
        return Cosine(self.dim).table(lambdas)

    def code(self, lam: float, lambdas: Lambdas, table: Tensor) -> Tensor:
        return self.table((lam,)).to(table).squeeze(0)


@dataclass(frozen=True)
class OneHot:
    """Row j of the identity for the j-th trained lambda; between them, interpolated."""

    def table(self, lambdas: Lambdas) -> Tensor:
        return torch.eye(len(lambdas))

    def code(self, lam: float, lambdas: Lambdas, table: Tensor) -> Tensor:
        return interpolate(lam, lambdas, table)


@dataclass(frozen=True)
class DCT:
    """Row j of the unnormalised type-II discrete cosine transform of size `dim`; between them, interpolated."""

    dim: int = 128

    def __post_init__(self) -> None:
        fields_fit(self)

    def table(self, lambdas: Lambdas) -> Tensor:
        _check_rows(self.dim, lambdas)
        n = torch.arange(self.dim, dtype=torch.float64)
        rows: Tensor = 2 * torch.cos(n[:, None] * (n + 0.5) * (math.pi / self.dim))
        return rows[: len(lambdas)].float()

    def code(self, lam: float, lambdas: Lambdas, table: Tensor) -> Tensor:
        return interpolate(lam, lambdas, table)


@dataclass(frozen=True)
class Orthogonal:
    """Row j of a random orthogonal matrix, drawn with its own `seed`; between them, interpolated."""

    dim: int = 128
    seed: int = 0

    def __post_init__(self) -> None:
        fields_fit(self)

    def table(self, lambdas: Lambdas) -> Tensor:
        _check_rows(self.dim, lambdas)
        square = torch.randn(
            self.dim, self.dim, generator=torch.Generator().manual_seed(self.seed), dtype=torch.float64
        )
        orthogonal: Tensor = torch.linalg.qr(square).Q
        return orthogonal[: len(lambdas)].float()

    def code(self, lam: float, lambdas: Lambdas, table: Tensor) -> Tensor:
        return interpolate(lam, lambdas, table)


def _check_rows(dim: int, lambdas: Lambdas) -> None:
    if dim < len(lambdas):
        raise ValueError(f"A code of length {dim} cannot tell {len(lambdas)} lambdas apart. Use dim >= {len(lambdas)}.")
