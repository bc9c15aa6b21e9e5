"""Counting one update: multiply-adds, the tensors that are kept for the backward, and the steps of the optimizer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.optim.optimizer import register_optimizer_step_post_hook


@dataclass
class Tally:
    """What happened inside `counted`.

    Attributes:
        macs: multiply-adds of convolutions and matrix products.
        kept: bytes that were kept for backwards, of all passes together.
        peak: bytes that were kept at once, at the most.
        tensors: number of tensors that were kept.
        updates: steps of optimizers.
    """

    macs: float = 0.0
    kept: int = 0
    peak: int = 0
    tensors: int = 0
    updates: int = 0


class _Kept:
    """A tensor that waits for its backward; it counts once for all that share its memory."""

    def __init__(self, tensor: Tensor, shared: Counter[int], tally: Tally) -> None:
        self.tensor, self.shared, self.tally = tensor, shared, tally
        self.place, self.bytes = tensor.untyped_storage().data_ptr(), tensor.untyped_storage().nbytes()
        shared[self.place] += 1
        tally.tensors += 1
        if shared[self.place] == 1:
            tally.kept += self.bytes
            shared[_NOW] += self.bytes
            tally.peak = max(tally.peak, shared[_NOW])

    def __del__(self) -> None:
        self.shared[self.place] -= 1
        if not self.shared[self.place]:
            self.shared[_NOW] -= self.bytes


_NOW = -1  # where the number of bytes at hand is kept; no tensor has this address


@contextmanager
def counted(model: nn.Module) -> Iterator[Tally]:
    """Inside, what is computed is counted; the weights of `model` are not among the tensors that are kept."""
    from torch.utils.flop_counter import FlopCounterMode  # brings triton with it

    tally, shared = Tally(), Counter[int]()
    weights = {weight.untyped_storage().data_ptr() for weight in (*model.parameters(), *model.buffers())}

    def pack(tensor: Tensor) -> Any:
        own = tensor.untyped_storage().data_ptr() in weights
        return tensor if own else _Kept(tensor, shared, tally)

    def unpack(kept: Any) -> Tensor:
        return kept.tensor if isinstance(kept, _Kept) else kept

    def step(*_: Any) -> None:
        tally.updates += 1

    hook = register_optimizer_step_post_hook(step)
    try:
        # attention is computed by operations that can be counted, not by a fused kernel
        with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter, saved_tensors_hooks(pack, unpack):
            yield tally
        tally.macs = counter.get_total_flops() / 2
    finally:
        hook.remove()
