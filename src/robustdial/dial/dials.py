"""`Dials`: which dial a network exposes; `Fixed`: none."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple, Protocol, cast

import torch
from torch import Tensor, nn

from robustdial.checks import fields_fit
from robustdial.dial.encoding import Cosine, Encoding
from robustdial.dial.film import Conditioner, IdentityFiLM
from robustdial.dial.radii import Radii, Same
from robustdial.dial.sampling import PerSample, Sampling
from robustdial.dial.setting import Rows, Setting
from robustdial.distributed import Shard
from robustdial.typing import Reach

Forward = Callable[..., Tensor]
"""How the network is called: `forward(x)`, and `forward(x, setting)` where there is a dial."""


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


class Dialable(Protocol):
    """What `Dials` asks of a network; `Dialed` has it."""

    dials: Dials

    def settings(self, rows: Tensor) -> list[Setting]:
        """The settings of a training batch, one per width."""
        ...


@dataclass(frozen=True)
class Fixed:
    """No dial: a plain network, every row attacked, lambda 1 throughout."""

    def seats(self, model: nn.Module, forward: Forward, x: Tensor, shard: Shard | None = None) -> list[Seat]:
        """The one game of a batch. Raises TypeError if the model has a dial."""
        if hasattr(model, "settings"):
            raise TypeError(
                "This method trains a plain network, but the model has a dial. Give it model.bake(lam), or train oat."
            )
        return [Seat(lambda images, rows: forward(images), x.new_ones(len(x)), 0, shard or Shard(len(x)))]


@dataclass(frozen=True)
class Dials:
    """A dial over lambda and width.

    Args:
        lambdas: the trained positions in [0, 1]; kept ascending.
        widths: trained shares of the channels, 1 among them; (1.0,) for full width only. Kept ascending.
        encoding: how a lambda becomes a code.
        conditioner: how a code becomes scale and shift.
        sampling: how a batch gets its lambdas.
        dual: a batch norm of its own for lambda = 0.
        radii: how far the adversary of each lambda may go.

    >>> Dials(lambdas=(1, 0)).lambdas
    (0.0, 1.0)
    """

    lambdas: tuple[float, ...] = (0.0, 0.1, 0.2, 0.3, 0.4, 1.0)
    widths: tuple[float, ...] = (1.0,)
    encoding: Encoding = field(default_factory=Cosine)
    conditioner: Conditioner = field(default_factory=IdentityFiLM)
    sampling: Sampling = field(default_factory=PerSample)
    dual: bool = True
    radii: Radii = field(default_factory=Same)

    def __post_init__(self) -> None:
        fields_fit(self)
        lambdas = tuple(sorted({float(lam) for lam in self.lambdas}))
        if not lambdas or not all(0 <= lam <= 1 for lam in lambdas):
            raise ValueError(f"lambdas={self.lambdas} must be at least one number between 0 and 1.")
        widths = tuple(sorted({float(width) for width in self.widths}))
        if not widths or widths[0] <= 0 or widths[-1] != 1:
            raise ValueError(
                f"widths={self.widths} must be shares of the channels, above 0 and up to 1, with 1 among them. For a "
                "narrower network altogether, make the network narrower."
            )
        object.__setattr__(self, "widths", widths)
        object.__setattr__(self, "lambdas", lambdas)

    def level(self, width: float) -> int | None:
        """Index of a trained width; None of another. 0.333333 is a third, as it is printed."""
        width = _meant(width, self.widths)
        return self.widths.index(width) if width in self.widths else None

    def meant(self, lam: float, width: float = 1.0) -> tuple[float, float]:
        """The trained lambda and the trained width that are meant by printed ones; others as they are.

        >>> Dials((0, 2 / 3), (1 / 3, 1)).meant(0.666667, 0.5)
        (0.6666666666666666, 0.5)
        """
        return _meant(lam, self.lambdas), _meant(width, self.widths)

    def seats(self, model: nn.Module, forward: Forward, x: Tensor, shard: Shard | None = None) -> list[Seat]:
        """One game per width, all at the same freshly drawn lambdas.

        Args:
            model: with this dial.
            forward: how it is called.
            x: images `[B, C, H, W]`.
            shard: which rows of a whole batch they are; by default all. Lambdas are drawn for the whole batch.

        Raises TypeError if the model has no dial, ValueError if it has another one.
        """
        if isinstance(model, nn.DataParallel | nn.parallel.DistributedDataParallel):
            raise TypeError(
                f"A {type(model).__name__} wraps the model. Give the network in it, model.module, and the wrapper "
                "as forward= of train_batch or state.forward."
            )
        if not hasattr(model, "settings"):
            raise TypeError(
                "This method trains a dial, but the model has none. Wrap it first: model = dial(model, method.dial)."
            )
        dialed = cast(Dialable, model)
        if (dialed.dials.lambdas, dialed.dials.widths) != (self.lambdas, self.widths):
            raise ValueError(
                f"The method trains lambdas {self.lambdas} and widths {self.widths}, the model's dial has "
                f"{dialed.dials.lambdas} and {dialed.dials.widths}. "
                "Make both from the same Dials: model = dial(model, method.dial)."
            )
        shard = shard or Shard(len(x))
        rows = self.sampling.rows(shard.of, self.lambdas)
        victims = shard.after(int((rows == 0).sum()) if self.lambdas[0] == 0 else 0)
        settings = dialed.settings(rows[shard.own])
        return [
            Seat(partial(_forward_part, forward, s), s.lam, s.first, victims, self.radii.reach(s.lam)) for s in settings
        ]


def _meant(value: float, trained: tuple[float, ...]) -> float:
    return next((known for known in trained if math.isclose(value, known, rel_tol=1e-5)), value)


def _forward_part(forward: Forward, setting: Setting, images: Tensor, rows: Rows) -> Tensor:
    return forward(images, setting.part(rows))


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
