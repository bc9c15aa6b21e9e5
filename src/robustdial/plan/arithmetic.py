"""The model of cost: time, memory and bytes on the wire, from counts. docs/explanation/cost.md tells it in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from robustdial.plan.devices import Device

WORD = 4
"""Bytes of a weight, a gradient and a number of the optimizer, which are float32 in every precision."""

_TOUCHED = 5  # a kept tensor is written once and read twice, its gradient written and read once


class Work(NamedTuple):
    """What one batch asks of a device."""

    macs: float
    """Multiply-adds of convolutions and matrix products."""
    kept: float
    """Bytes of the tensors that forwards keep for their backwards, of all passes together (`with_again`)."""
    starts: float
    """Kernels that are started."""
    spent: float
    """Passes over images."""
    updates: float
    """Averages of gradients over processes."""
    seconds: float
    """That it took where it was counted."""

    def scaled(self, factor: float) -> Work:
        """That of a batch so many times as large: as many kernels and updates, on more images."""
        more = {name: factor * getattr(self, name) for name in ("macs", "kept", "spent", "seconds")}
        return self._replace(**more)


def between(low: tuple[int, Work], high: tuple[int, Work], passes: int) -> Work:
    """The work at so many passes per batch, on the straight line through two numbers of them.

    >>> between((1, Work(1, 1, 1, 1, 1, 1)), (3, Work(5, 3, 3, 3, 1, 9)), 2)
    Work(macs=3.0, kept=2.0, starts=2.0, spent=2.0, updates=1.0, seconds=5.0)
    """
    if low[0] == high[0]:
        return low[1]
    share = (passes - low[0]) / (high[0] - low[0])
    return Work(*(a + share * (b - a) for a, b in zip(low[1], high[1], strict=True)))


def with_again(kept: float, again: float) -> float:
    """Bytes that are kept, of which `again` are computed a second time for the backward, and so written once more.

    >>> with_again(100.0, 50.0)
    110.0
    """
    return kept + again / _TOUCHED


def rate(device: Device, lower: bool) -> float:
    """Floating-point operations per second at the most, in bfloat16 (`lower`) where the device has it."""
    return (lower and device.bfloat16) or device.float32


def least_seconds(work: Work, device: Device, lower: bool, bytes_scale: float = 1.0) -> float:
    """The roofline: no device computes faster than its peak, nor touches memory faster than its bandwidth."""
    return max(2 * work.macs / rate(device, lower), _TOUCHED * bytes_scale * work.kept / device.bandwidth)


def seconds_on(work: Work, device: Device, lower: bool, share: float, bytes_scale: float = 1.0) -> float:
    """Seconds of a device that reaches this share of its roofline, and starts its kernels one after the other."""
    return max(least_seconds(work, device, lower, bytes_scale) / share, work.starts * device.start)


def wire_bytes(weights: int, processes: int) -> float:
    """What each process sends, and receives, to average the gradients once: an all_reduce in a ring.

    >>> wire_bytes(1_000_000, 8), wire_bytes(1_000_000, 1)
    (7000000.0, 0.0)
    """
    return 2 * (processes - 1) / processes * weights * WORD


class Memory(NamedTuple):
    """Bytes of one device."""

    weights: float
    gradients: float
    optimizer: float
    activations: float

    @property
    def total(self) -> float:
        """All together."""
        return sum(self)


@dataclass(frozen=True)
class Network:
    """What of a network is there however large the batch is.

    Args:
        weights: numbers that learn.
        buffers: numbers that do not.
        slots: numbers that the optimizer keeps for each weight.
        copies: of the network that are held beside it, such as an average of its weights.
    """

    weights: int
    buffers: int = 0
    slots: float = 1.0
    copies: int = 0


def memory(network: Network, kept_per_image: float, images: int) -> Memory:
    """What a device holds while so many images of a batch are learned from at once."""
    whole = (1 + network.copies) * (network.weights + network.buffers)
    gradients, optimizer = network.weights, network.slots * network.weights
    return Memory(WORD * whole, WORD * gradients, WORD * optimizer, kept_per_image * images)


def parts_that_fit(network: Network, kept_per_image: float, images: int, room: float) -> int | None:
    """The smallest number of equal parts of a batch that fit one after the other; None where not even one image does.

    >>> parts_that_fit(Network(0), 1.0, 12, 5.0)
    3
    """
    parts = (parts for parts in range(1, images + 1) if images % parts == 0)
    return next((p for p in parts if memory(network, kept_per_image, images // p).total <= room), None)


def batch_seconds(part: float, parts: int, updates: float, wire: float, link: float) -> float:
    """Seconds of a batch in so many parts, after which, for each update, so many bytes travel over a link."""
    return parts * part + updates * wire / link
