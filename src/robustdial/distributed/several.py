"""Several processes that train one network, over torch.distributed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from robustdial.distributed.joined import Joined, check_backends
from robustdial.distributed.meeting import Meeting
from robustdial.distributed.norm import local_counts, local_statistics
from robustdial.distributed.shard import Shard
from robustdial.distributed.world import ALONE, World
from robustdial.typing import Json

_BUCKET = 32 * 2**20
"""Bytes of gradients that travel at once: few messages, and the next is on its way while one is written back."""

_RAISED: dict[str, type[Exception]] = {
    kind.__name__: kind for kind in (ValueError, TypeError, OSError, FileNotFoundError, FloatingPointError)
}


Gradients = Sequence[Tensor | None]

Reduction = Callable[[Gradients, Sequence[Tensor]], Gradients]


@dataclass(frozen=True, eq=False)
class Several:
    """One of several processes, all of which see the same network and their own rows (`World`).

    Args:
        meeting: where the processes find each other.
        norms: `synchronised` if the batch norms of the network meet (`distributed.norm`), else `local`.
        reduce: how gradients are brought together: `averaged`, or `by_the_model`.
    """

    meeting: Meeting | Joined
    norms: str = "local"
    reduce: Reduction | None = None

    def __deepcopy__(self, memo: dict[int, Any]) -> Several:
        return self  # a copy of a network is in the same world

    @property
    def rank(self) -> int:
        return self.meeting.rank

    @property
    def size(self) -> int:
        return self.meeting.size

    @property
    def divides(self) -> bool:
        return self.reduce is by_the_model

    def with_norms(self, norms: str) -> Several:
        return replace(self, norms=norms)

    def with_divided_weights(self) -> Several:
        return replace(self, reduce=by_the_model)

    def sum(self, values: Tensor) -> Tensor:
        total = values.detach().contiguous().clone()
        with self._met():
            dist.all_reduce(total)
        return total

    def any(self, here: bool) -> bool:
        flag = torch.tensor([here], dtype=torch.uint8)
        with self._met():
            dist.all_reduce(flag, dist.ReduceOp.MAX)
        return bool(flag)

    def together(self, here: bool) -> bool:
        return self.any(here) if self.norms == "synchronised" or self.divides else here

    def put(self, store: Tensor, rows: Tensor, values: Tensor, shard: Shard) -> None:
        lengths = [len(self._beside(shard, rank)) for rank in range(self.size)]
        found = zip(lengths, self._of_all(rows, lengths), self._of_all(values, lengths), strict=True)
        for length, places, brought in found:
            store[places[:length]] = brought[:length].to(store.dtype)

    def before(self, rows: Tensor) -> Tensor:
        if self.size == 1:
            return rows.roll(1, 0)
        own = rows.contiguous()
        found = torch.empty_like(own)
        ring = [
            dist.P2POp(dist.isend, own, (self.rank + 1) % self.size),
            dist.P2POp(dist.irecv, found, (self.rank - 1) % self.size),
        ]
        with self._met():
            for passed in dist.batch_isend_irecv(ring):
                passed.wait()
        return found.roll(1, 0) if self.rank == 0 else found  # rows are dealt out one by one

    def average_gradients(
        self, gradients: Sequence[Tensor | None], weights: Sequence[Tensor]
    ) -> Sequence[Tensor | None]:
        with self._met():
            return (self.reduce or averaged)(gradients, weights)

    def settle(self, model: nn.Module) -> None:
        with self._met():
            _average(local_statistics(model))
        if counts := local_counts(model):
            most = torch.stack(counts)
            with self._met():
                dist.all_reduce(most, dist.ReduceOp.MAX)
            for count, now in zip(counts, most, strict=True):
                count.copy_(now)

    def same_random_numbers(self, device: torch.device) -> None:
        with self._met():
            state = torch.get_rng_state()
            dist.broadcast(state, 0)
            torch.set_rng_state(state)
            if device.type == "cuda":
                state = torch.cuda.get_rng_state(device)
                dist.broadcast(state, 0)
                torch.cuda.set_rng_state(state, device)

    def once(self, work: Callable[[], Json]) -> Json:
        answer = self._told(_outcome(work) if self.rank == 0 else b"")
        if "raised" in answer:
            raise _RAISED[answer["raised"]](answer["because"])
        return answer["value"]

    def check_same(self, what: str, digest: str) -> None:
        digests = self.meeting.told(what, digest)
        other = next((rank for rank, theirs in enumerate(digests) if theirs != digests[0]), None)
        if other is not None:
            raise ValueError(
                f"{what[0].upper()}{what[1:]} of process {other} is not that of process 0. Give every process the same."
            )

    @contextmanager
    def _met(self) -> Iterator[None]:
        """Who did not come is named."""
        try:
            yield
        except RuntimeError as error:
            raise self.meeting.broken(error) from error

    def _beside(self, shard: Shard, rank: int) -> Shard:
        """What belongs to process `rank` where `shard` belongs to this one."""
        return Shard(shard.of, (shard.start + rank - self.rank) % shard.step, shard.step)

    def _of_all(self, own: Tensor, lengths: Sequence[int]) -> list[Tensor]:
        """What each process brings, with rows of zeros up to the longest."""
        padded = own.new_zeros(max(lengths), *own.shape[1:])
        padded[: len(own)] = own
        wire = padded.view(torch.uint8) if padded.dim() > 1 else padded[:, None].contiguous().view(torch.uint8)
        found = [torch.empty_like(wire) for _ in lengths]
        with self._met():
            dist.all_gather(found, wire)
        return [one.view(own.dtype).view_as(padded) for one in found]

    def _told(self, text: bytes) -> Json:
        """A message of the first process."""
        with self._met():
            length = torch.tensor([len(text)])
            dist.broadcast(length, 0)
            letters = torch.frombuffer(bytearray(text), dtype=torch.uint8) if text else torch.empty(0)
            letters = letters if self.rank == 0 else torch.empty(int(length), dtype=torch.uint8)
            dist.broadcast(letters, 0)
        return json.loads(bytes(letters.tolist()))


def world_at_hand() -> World:
    """The processes that another loop has brought together; one alone where it has brought none.

    Raises ValueError if their group takes no tensors of the processor.
    """
    if not (dist.is_available() and dist.is_initialized()) or dist.get_world_size() < 2:
        return ALONE
    check_backends()
    return Several(Joined())


def averaged(gradients: Gradients, weights: Sequence[Tensor]) -> Gradients:
    """The mean over processes of the gradient of each weight, in one message for many of them."""
    used = torch.tensor([gradient is not None for gradient in gradients], dtype=torch.uint8)
    dist.all_reduce(used, dist.ReduceOp.MAX)  # on the CPU: which weights count must not wait for a device
    means = [
        torch.zeros_like(weight) if counts and gradient is None else gradient
        for gradient, weight, counts in zip(gradients, weights, used.tolist(), strict=True)
    ]
    _average([mean for mean in means if mean is not None])
    return means


def by_the_model(gradients: Gradients, weights: Sequence[Tensor]) -> Gradients:
    """Nothing is left to do: the model has averaged its gradients, as one does that `fully_shard` has divided.

    Raises ValueError for other gradients than those of an update, which no model averages.
    """
    if any(gradient is not weight.grad for gradient, weight in zip(gradients, weights, strict=True)):
        raise ValueError(
            "A divided network averages the gradients of its updates alone: it has no adversarial weights."
        )
    return gradients


def _average(tensors: Sequence[Tensor]) -> None:
    for bucket in _buckets(tensors):
        _reduce(bucket, dist.get_world_size())


def _outcome(work: Callable[[], Json]) -> bytes:
    try:
        answer = {"value": work()}
    except tuple(_RAISED.values()) as error:
        known = next(kind for kind in type(error).__mro__ if kind.__name__ in _RAISED)
        answer = {"raised": known.__name__, "because": str(error)}
    return json.dumps(answer).encode()


def _buckets(tensors: Sequence[Tensor]) -> Iterator[list[Tensor]]:
    """Tensors of one type and device, some megabytes at a time."""
    bucket: list[Tensor] = []
    size = 0
    for tensor in tensors:
        alike = not bucket or (bucket[0].dtype, bucket[0].device) == (tensor.dtype, tensor.device)
        if not alike or size > _BUCKET:
            yield bucket
            bucket, size = [], 0
        bucket.append(tensor)
        size += tensor.nbytes
    if bucket:
        yield bucket


@torch.no_grad()
def _reduce(bucket: Sequence[Tensor], size: int) -> None:
    """Replace each tensor of a bucket by its mean over processes."""
    flat = torch.cat([tensor.reshape(-1) for tensor in bucket])
    dist.all_reduce(flat)
    flat /= size
    for tensor, mean in zip(bucket, torch.split(flat, [t.numel() for t in bucket]), strict=True):
        tensor.copy_(mean.view_as(tensor))
