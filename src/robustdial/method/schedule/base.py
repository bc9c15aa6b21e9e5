"""A schedule says how much the adversary may spend: passes (forward + backward) per batch, the learning one included.

Schedules are pure state machines. Their state is JSON and stands in the checkpoint, so a resumed run continues where
it was. They count passes, not attack steps: a solver that attacks and then learns has one step less than passes, a
replay method as many replays as passes, and the same schedule serves both.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from robustdial.typing import Json


class Schedule(Protocol):
    """How many passes each batch of an epoch may cost."""

    @property
    def most(self) -> int:
        """Largest number of passes per batch that an epoch may come to."""
        ...

    def init(self) -> Json:
        """State before the first epoch."""
        ...

    def passes(self, state: Json) -> int:
        """Passes per batch in the coming epoch, at least 1."""
        ...

    def after(self, state: Json, epoch: Mapping[str, float]) -> Json:
        """State after an epoch with these statistics.

        They are means over the images of the epoch, so that they do not depend on the batch size, as the last learning
        pass of each batch saw them: `loss`, `clean` and `adv` accuracy as far as known, and `gradient`, the L1 norm of
        the gradient of an image's loss with respect to its perturbation. `progress` is the share of the training done.
        """
        ...


def at_least_one(passes: int) -> None:
    """Raise ValueError unless `passes` is a number of passes that a batch can learn from."""
    if passes < 1:
        raise ValueError(f"A batch needs at least 1 pass to learn from, not {passes}.")


def rising(least: int, most: int) -> None:
    """Raise ValueError unless `least` to `most` is a range of passes."""
    at_least_one(least)
    if most < least:
        raise ValueError(f"At most {most} passes and at least {least}: the range is empty. Raise the largest number.")


def a_factor(gamma: float) -> None:
    """Raise ValueError unless `gamma` is a growth that a rule can tolerate."""
    if not gamma > 0:
        raise ValueError(f"gamma={gamma:g} is not a factor. Give one about 1, for example 1.01.")
