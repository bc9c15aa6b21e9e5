"""Random numbers that are set for a while and then put back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


@contextmanager
def seeded(seed: int, device: torch.device | str = "cpu") -> Iterator[None]:
    """Inside, the generators of the CPU and of `device` start at `seed`; afterwards they are where they were before.

    >>> with seeded(0):
    ...     first = torch.rand(1)
    >>> with seeded(0):
    ...     assert torch.equal(first, torch.rand(1))
    """
    device = torch.device(device)
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        # torch.manual_seed would seed every card as well, and where none has been met yet note the whole stack for it
        (torch.default_generator.manual_seed if device.type == "cpu" else torch.manual_seed)(seed)
        yield


def seed_of(*numbers: int) -> int:
    """One seed of several numbers; other numbers give another one.

    >>> seed_of(0, 1) == seed_of(0, 1) != seed_of(1, 0)
    True
    """
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0])


class RandomStream:
    """Random numbers of its own for work that is done by turns with other work.

    Args:
        device: where numbers are drawn besides the CPU. The sequence goes on from where the generators stand now.

    >>> mine, before = RandomStream(), torch.get_rng_state()
    >>> with mine.turn():
    ...     first = torch.rand(1)
    >>> assert torch.equal(before, torch.get_rng_state())
    >>> with mine.turn():
    ...     assert not torch.equal(first, torch.rand(1))
    """

    def __init__(self, device: torch.device | str = "cpu") -> None:
        device = torch.device(device)
        self._cuda = [device] if device.type == "cuda" else []
        self._states = self._read()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Inside, the generators go on from the end of the last turn; afterwards they are where they were before."""
        with torch.random.fork_rng(self._cuda):
            self.go_on()
            yield
            self._states = self._read()

    def go_on(self) -> None:
        """Let the generators themselves go on from the end of the last turn."""
        torch.set_rng_state(self._states[0])
        for device, state in zip(self._cuda, self._states[1:], strict=True):
            torch.cuda.set_rng_state(state, device)

    def _read(self) -> list[torch.Tensor]:
        return [torch.get_rng_state(), *(torch.cuda.get_rng_state(device) for device in self._cuda)]
