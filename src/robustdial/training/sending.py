"""Sending losses back: what all gradients of an update are made of, and what is owed for those sent ahead."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from robustdial.method import Method

Backward = Callable[[Tensor], object]
"""Adds the gradient of a loss to those of the weights, as `torch.autograd.backward` does."""


@dataclass
class Sending:
    """Sends back the losses of one of so many widths and parts of a batch.

    Args:
        backward: how one is propagated.
        shares: number of widths times number of parts.
        owed: points at which the rest of a loss has still to be learned from.
    """

    backward: Backward
    shares: int
    owed: int = 0

    def ahead(self, loss: Tensor, parts: int) -> None:
        """A loss per row `[B]` that is known before the adversary moves, at one of `parts` points."""
        self.owed += 1
        self.now(loss, parts)

    def now(self, loss: Tensor, parts: int) -> None:
        """A loss per row `[B]` at one of `parts` points. Raises ValueError if it hangs on no weight."""
        if not loss.requires_grad:
            raise ValueError(
                "The loss does not depend on the weights (detach, no_grad, a comparison), so nothing would be learned. "
                "Let the gradient through, in the network and in the objective."
            )
        self.backward(loss.mean() / (self.shares * parts))

    def check(self, method: Method) -> None:
        """Raise ValueError unless each point that was opened has been learned from, once."""
        if self.owed:
            raise ValueError(
                f"{type(method.solver).__name__} opens more or fewer points than it gives to learn from. Call "
                "game.open() once for each point that it yields, and yield that one, at another perturbation."
            )
