"""What a dial is: the verbs that training, measuring and shipping use, whatever stands behind them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import ClassVar, Protocol

from torch import Tensor, nn

from robustdial.dial.offer import Forward, Seat
from robustdial.distributed import Shard

Calibration = Callable[[], Iterable[Tensor]]
"""Batches of training images `[B, C, H, W]`, for positions whose statistics must be measured; made when asked for."""


def no_images() -> Iterable[Tensor]:
    """The calibration of somebody who has no images. Raises ValueError."""
    raise ValueError("This position was not trained, and there are no images to measure its statistics on.")


class DialKind(Protocol):
    """A kind of dial: where it can stand, and what happens there.

    A frozen description, one of the five nouns of a method. The network that it was put on is a plain module; what a
    network without a dial does is `Fixed`'s to say.
    """

    name: ClassVar[str]
    """In messages, and on the command line."""

    divisible: ClassVar[bool]
    """Whether its weights may lie divided among processes while it trains."""

    @property
    def lambdas(self) -> tuple[float | None, ...]:
        """The positions to measure, ascending; those that were trained where there are any. (None,) without a dial."""
        ...

    @property
    def widths(self) -> tuple[float, ...]:
        """The shares of the channels to measure, ascending, 1 the last."""
        ...

    def put_on(self, *networks: nn.Module, example: Tensor | None = None) -> nn.Module:
        """A network with this dial, made of one plain network, or of two.

        Args:
            networks: classifiers from images in [0, 1] to logits; they are left as they are.
            example: some images `[B, C, H, W]` on which everything is tried.

        Raises ValueError or TypeError for a network that cannot have it.
        """
        ...

    def seats(self, model: nn.Module, forward: Forward, x: Tensor, shard: Shard | None = None) -> list[Seat]:
        """The games of a training batch `x`, or of the rows `shard` of a whole one.

        Raises TypeError or ValueError if `model` has another dial, or none.
        """
        ...

    def at(self, model: nn.Module, lam: float | None, width: float, images: Calibration) -> nn.Module:
        """The network at one position as a plain `f(x)`. Raises ValueError off the dial."""
        ...

    def bake(self, model: nn.Module, lam: float | None, width: float, images: Calibration) -> nn.Module:
        """A copy of the network at one position with no trace of the dial, in evaluation mode: the logits of `at`."""
        ...

    def meant(self, lam: float | None, width: float = 1.0) -> tuple[float | None, float]:
        """The position that printed numbers mean."""
        ...

    def trained(self, lam: float | None, width: float = 1.0) -> bool:
        """Whether a position was trained itself, and not only lies on the dial."""
        ...

    def costs_like(self, lam: float | None) -> float | None:
        """A position of the same cost, the same for all of that cost: they are timed once."""
        ...
