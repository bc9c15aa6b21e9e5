"""The processes that train one network: what they do together, and one process alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from robustdial.distributed.shard import Shard
from robustdial.typing import Json


class World(Protocol):
    """Processes that each play their rows of every batch, and keep one network.

    Every process calls every verb, in the same order.
    """

    @property
    def rank(self) -> int:
        """Number of this process; 0 writes."""
        ...

    @property
    def size(self) -> int:
        """Number of processes."""
        ...

    @property
    def norms(self) -> str:
        """Where batch norms take their statistics while they learn: `local`, or `synchronised` over all processes."""
        ...

    def with_norms(self, norms: str) -> World:
        """The same processes, whose batch norms take their statistics `local` or `synchronised`."""
        ...

    @property
    def divides(self) -> bool:
        """Whether the weights are divided among the processes (`distributed.divided`)."""
        ...

    def with_divided_weights(self) -> World:
        """The same processes, among which the weights are divided."""
        ...

    def sum(self, values: Tensor) -> Tensor:
        """Sum over processes; without gradient."""
        ...

    def any(self, here: bool) -> bool:
        """Whether it is so in some process."""
        ...

    def together(self, here: bool) -> bool:
        """Whether the network is called, where it has rows to look at or not (`here`): where its layers meet those of
        the other processes, or its weights lie there, all call it if one does."""
        ...

    def put(self, store: Tensor, rows: Tensor, values: Tensor, shard: Shard) -> None:
        """`store[rows] = values`, the rows and values of every process. What belongs to `shard` here belongs to the
        shards beside it there."""
        ...

    def before(self, rows: Tensor) -> Tensor:
        """For each row of this process the row before it in the whole batch; before the first comes the last."""
        ...

    def average_gradients(
        self, gradients: Sequence[Tensor | None], weights: Sequence[Tensor]
    ) -> Sequence[Tensor | None]:
        """The mean over processes of the gradient of each weight, a missing one being zero; None where all miss it."""
        ...

    def settle(self, model: nn.Module) -> None:
        """Give every process the same running statistics, where each gathered its own: their mean."""
        ...

    def same_random_numbers(self, device: torch.device) -> None:
        """Let the generators of all processes go on from where those of the first one stand."""
        ...

    def once(self, work: Callable[[], Json]) -> Json:
        """What `work` gives (JSON), done by the first process alone; what it raises is raised in all."""
        ...

    def check_same(self, what: str, digest: str) -> None:
        """Raises ValueError if `what` has another digest in another process."""
        ...


@dataclass(frozen=True)
class Alone:
    """One process, which has nobody to wait for."""

    rank: int = 0
    size: int = 1
    norms: str = "local"
    divides: bool = False

    def with_norms(self, norms: str) -> Alone:
        return self  # its rows are all there are

    def with_divided_weights(self) -> Alone:
        return self  # all weights are its own

    def sum(self, values: Tensor) -> Tensor:
        return values

    def any(self, here: bool) -> bool:
        return here

    def together(self, here: bool) -> bool:
        return here

    def put(self, store: Tensor, rows: Tensor, values: Tensor, shard: Shard) -> None:
        store[rows] = values

    def before(self, rows: Tensor) -> Tensor:
        return rows.roll(1, 0)

    def average_gradients(
        self, gradients: Sequence[Tensor | None], weights: Sequence[Tensor]
    ) -> Sequence[Tensor | None]:
        return gradients

    def settle(self, model: nn.Module) -> None:
        pass

    def same_random_numbers(self, device: torch.device) -> None:
        pass

    def once(self, work: Callable[[], Json]) -> Json:
        return work()

    def check_same(self, what: str, digest: str) -> None:
        pass


ALONE = Alone()
