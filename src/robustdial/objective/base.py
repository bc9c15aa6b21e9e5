"""An objective is what each side wants: the adversary raises `attack`, the weights lower `learn`.

An objective sees a batch through a `View` and never learns whether a dial, a width or a decoder stands behind it.
Logits are lazy: what is not looked at is not computed.
"""

from __future__ import annotations

from typing import Protocol

from torch import Tensor
from torch.nn import functional as F


class View(Protocol):
    """What an objective may look at. `B` rows, of which the last `V` (the victims) have an adversary."""

    @property
    def y(self) -> Tensor:
        """Labels `[B]`."""
        ...

    @property
    def lam(self) -> Tensor:
        """Position of the dial `[B]`; 1 where there is no dial."""
        ...

    @property
    def victim_y(self) -> Tensor:
        """Labels of the victims `[V]`."""
        ...

    @property
    def clean(self) -> Tensor:
        """Logits on the clean images `[B, K]`."""
        ...

    @property
    def adv(self) -> Tensor:
        """Logits on the victims' adversarial images `[V, K]`."""
        ...


class Objective(Protocol):
    """What each side wants."""

    def look(self, view: View) -> None:
        """Compute what must be seen before the adversary moves (`view.clean`, or nothing).

        The order matters where statistics are running: the paper's code lets the clean images update the robust
        batch-norm statistics first, and the adversary then plays against the updated network.
        """
        ...

    def attack(self, view: View) -> Tensor:
        """Loss per victim `[V]` that the adversary raises."""
        ...

    def learn(self, view: View) -> Tensor:
        """Loss per row `[B]` that the weights lower."""
        ...


def cross_entropy(logits: Tensor, y: Tensor) -> Tensor:
    """Cross-entropy per row `[B]`, always in at least single precision."""
    return F.cross_entropy(logits.float() if logits.dtype.itemsize < 4 else logits, y, reduction="none")
