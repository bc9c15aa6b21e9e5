"""Counting one update: multiply-adds, the tensors that are kept for the backward, and the steps of the optimizer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
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
        now: bytes that are kept at this moment.
        peak: bytes that were kept at once, at the most.
        tensors: number of tensors that were kept.
        updates: steps of optimizers.
    """

    macs: float = 0.0
    kept: int = 0
    now: int = 0
    peak: int = 0
    tensors: int = 0
    updates: int = 0
    shared: Counter[int] = field(default_factory=Counter, repr=False)
    """How many kept tensors share the memory at an address."""

    def without(self, tensors: Sequence[Any]) -> int:
        """Bytes of those of these values that are tensors whose memory is not kept yet."""
        new = {t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() for t in tensors if isinstance(t, Tensor)}
        return sum(size for place, size in new.items() if not self.shared[place])


class _Kept:
    """A tensor that waits for its backward; it counts once for all that share its memory."""

    def __init__(self, tensor: Tensor, tally: Tally) -> None:
        self.tensor, self.tally = tensor, tally
        self.place, self.bytes = tensor.untyped_storage().data_ptr(), tensor.untyped_storage().nbytes()
        tally.shared[self.place] += 1
        tally.tensors += 1
        if tally.shared[self.place] == 1:
            tally.kept += self.bytes
            tally.now += self.bytes
            tally.peak = max(tally.peak, tally.now)

    def __del__(self) -> None:
        self.tally.shared[self.place] -= 1
        if not self.tally.shared[self.place]:
            self.tally.now -= self.bytes


@contextmanager
def counted(model: nn.Module) -> Iterator[Tally]:
    """Inside, what is computed is counted; the weights of `model` are not among the tensors that are kept."""
    from torch.utils.flop_counter import FlopCounterMode  # brings triton with it

    tally = Tally()
    weights = {weight.untyped_storage().data_ptr() for weight in (*model.parameters(), *model.buffers())}

    def pack(tensor: Tensor) -> Any:
        own = tensor.untyped_storage().data_ptr() in weights
        return tensor if own else _Kept(tensor, tally)

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


@dataclass
class Calls:
    """What the calls of a module from which its weights learn have kept for backwards.

    Attributes:
        inside: bytes that one call has added to its inputs, at the most.
        after: bytes that were kept, by whatever module, when one had returned, at the most.
    """

    inside: int = 0
    after: int = 0


@contextmanager
def calls_of(modules: Sequence[nn.Module], tally: Tally) -> Iterator[dict[nn.Module, Calls]]:
    """Inside, the calls of these modules are looked at; `tally` counts what is kept (`counted`)."""
    found, before = {module: Calls() for module in modules}, dict[nn.Module, int]()

    def entered(module: nn.Module, given: Any) -> None:
        before[module] = tally.now + tally.without(given)

    def left(module: nn.Module, given: Any, out: Any) -> None:
        if torch.is_grad_enabled() and any(weight.requires_grad for weight in module.parameters()):
            calls = found[module]
            calls.inside = max(calls.inside, tally.now - before[module])
            calls.after = max(calls.after, tally.now)

    hooks = [module.register_forward_pre_hook(entered) for module in modules]
    hooks += [module.register_forward_hook(left) for module in modules]
    try:
        yield found
    finally:
        for hook in hooks:
            hook.remove()
