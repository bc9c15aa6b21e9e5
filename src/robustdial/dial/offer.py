"""What the parts of a dialed network ask of its dial: trained positions, codes, statistics."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from robustdial.dial.encoding import Encoding
from robustdial.dial.film import Conditioner
from robustdial.dial.setting import Rows
from robustdial.distributed import Shard
from robustdial.typing import Reach

Forward = Callable[..., Tensor]
"""How the network is called: `forward(x)`, and `forward(x, setting)` where there is a dial."""


Standing = Callable[[Tensor], AbstractContextManager[None]]


def unchanged(x: Tensor) -> AbstractContextManager[None]:
    """Weights that stand still make nothing cheaper."""
    return nullcontext()


class Seat(NamedTuple):
    """One game's place at a batch: how its rows are forwarded, where they stand, who has an adversary."""

    forward: Callable[[Tensor, Rows], Tensor]
    """Images of some rows of the batch, and these rows, to logits."""
    lam: Tensor
    """Position of the dial of each row `[B]`."""
    first: int
    """Rows `[:first]` have no adversary."""
    victims: Shard
    """Which of the rows that have an adversary, in the whole batch, these are."""
    reach: Reach = 1.0
    """Share of the radius that each row's adversary may use: `[B]`, or one number."""
    standing: Standing = unchanged
    """The context in which rows are forwarded in evaluation mode while the weights stand still; takes some images."""


class Offer(Protocol):
    """What a conditional dial offers; `Dials` has it."""

    @property
    def lambdas(self) -> tuple[float, ...]:
        """The trained positions, ascending."""
        ...

    @property
    def widths(self) -> tuple[float, ...]:
        """The trained shares of the channels, ascending."""
        ...

    @property
    def encoding(self) -> Encoding:
        """How a lambda becomes a code."""
        ...

    @property
    def conditioner(self) -> Conditioner:
        """How a code becomes scale and shift."""
        ...

    @property
    def dual(self) -> bool:
        """Whether lambda = 0 has batch norms of its own."""
        ...

    def level(self, width: float) -> int | None:
        """Index of a trained width; None of another."""
        ...


def meant(value: float, trained: tuple[float, ...]) -> float:
    """The trained position that a printed number means; another number as it is.

    >>> meant(0.333333, (0.0, 1 / 3)), meant(0.5, (0.0, 1 / 3))
    (0.3333333333333333, 0.5)
    """
    return next((known for known in trained if math.isclose(value, known, rel_tol=1e-5)), value)


def in_order(lambdas: tuple[float, ...]) -> tuple[float, ...]:
    """Positions of a dial, ascending, each once. Raises ValueError if there are none, or one is not in [0, 1].

    >>> in_order((1, 0, 0))
    (0.0, 1.0)
    """
    ordered = tuple(sorted({float(lam) for lam in lambdas}))
    if not ordered or not all(0 <= lam <= 1 for lam in ordered):
        raise ValueError(f"lambdas={lambdas} must be at least one number between 0 and 1.")
    return ordered


def chosen(lam: float | None, lambdas: tuple[float, ...]) -> float:
    """The position that `lam` means. Raises ValueError for none, or one beyond the smallest and the largest.

    >>> chosen(0.5, (0.0, 1.0))
    0.5
    """
    if lam is None:
        ends = f"{lambdas[0]:g} to {lambdas[-1]:g}"
        raise ValueError(f"This network has a dial. Say where it stands: --lam, in Python lam=, from {ends}.")
    lam = meant(lam, lambdas)
    if lambdas[0] <= lam <= lambdas[-1]:
        return lam
    nearest = lambdas[0] if lam < lambdas[0] else lambdas[-1]
    known = ", ".join(f"{value:g}" for value in lambdas)
    raise ValueError(
        f"lam={lam:g} is not on this dial ({known}). Choose a value from {lambdas[0]:g} to {lambdas[-1]:g}, "
        f"nearest {nearest:g}, or train with it."
    )


def share_of_robust(lam: float, lambdas: tuple[float, ...]) -> float:
    """How far the statistics at `lam` have moved from the clean (0) to the robust branch (1).

    The branches are trained at 0 and at every positive lambda; between 0 and the smallest positive one they are
    mixed, so that the dial has no jump (as SplitMix does with the outputs of two batch norms).

    >>> share_of_robust(0.05, (0.0, 0.1, 1.0)), share_of_robust(0.3, (0.0, 0.1, 1.0))
    (0.5, 1.0)
    """
    positive = next((value for value in lambdas if value > 0), None)
    if lambdas[0] > 0:
        return 1.0
    return 0.0 if positive is None else min(1.0, lam / positive)


def shares(lambdas: tuple[float, ...]) -> Tensor:
    """`share_of_robust` at the trained lambdas `[L]`."""
    return torch.tensor([share_of_robust(lam, lambdas) for lam in lambdas])
