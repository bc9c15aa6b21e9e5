"""Activation checkpointing: blocks of the network keep their input alone, and are computed again for the backward."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from robustdial.dial import Forward
from robustdial.dial.probe import buffers_kept
from robustdial.dial.setting import Dial
from robustdial.precision import Prepared

_CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)


class Recomputing:
    """A way to call a network in which the passes that weights learn from keep the inputs of its blocks alone.

    Blocks are computed once more for the backward, at the same position of the dial, with the same random numbers, and
    without moving statistics a second time. An adversary's passes, which ask for no gradient of a weight, are as they
    were.

    Source: Chen et al., Training Deep Nets with Sublinear Memory Cost, 2016; `torch.utils.checkpoint`, not reentrant.

    Args:
        model: the network; raises ValueError if it has no blocks.
        forward: how it is called.
    """

    def __init__(self, model: nn.Module, forward: Forward) -> None:
        self.forward, self.blocks = forward, blocks_of(model)
        self.dials = list({dial for part in model.modules() if isinstance(dial := getattr(part, "dial", None), Dial)})
        if not self.blocks:
            raise ValueError(
                f"{type(model).__name__} has no blocks of several layers that could be computed again. Leave out "
                "--grad-checkpointing, or choose a network with blocks, such as resnet18."
            )

    def __call__(self, x: Tensor, *setting: Any) -> Tensor:
        with ExitStack() as stack:
            for block in self.blocks:
                stack.enter_context(_called_as(block, partial(self._called, block, block.forward)))
            return self.forward(x, *setting)

    def standing(self, x: Tensor) -> AbstractContextManager[None]:
        """Inside, the network is called in the cheaper form that `forward` has, if it has one."""
        own: Callable[[Tensor], AbstractContextManager[None]] | None = getattr(self.forward, "standing", None)
        return nullcontext() if own is None else own(x)

    def _called(self, block: nn.Module, run: Callable[..., Any], *args: Any, **more: Any) -> Any:
        if not torch.is_grad_enabled() or not any(weight.requires_grad for weight in block.parameters()):
            return run(*args, **more)
        again = _Again(block, self.dials)
        return checkpoint(run, *args, use_reentrant=False, context_fn=lambda: (nullcontext(), again), **more)


def called(model: nn.Module, precision: Literal["float32", "bfloat16"], compiled: bool, recomputing: bool) -> Forward:
    """How a training calls its network."""
    prepared = Prepared(model, precision, compiled)
    return Recomputing(model, prepared) if recomputing else prepared


def blocks_of(model: nn.Module) -> list[nn.Module]:
    """The smallest members of sequences that have several layers with weights: residual and transformer blocks."""
    sequences = [module for module in model.modules() if isinstance(module, _CONTAINERS)]
    members = {child: None for sequence in sequences for child in sequence.children() if _has_layers(child)}
    return [block for block in members if not any(part in members for part in block.modules() if part is not block)]


def _has_layers(module: nn.Module) -> bool:
    if isinstance(module, _CONTAINERS) or hasattr(module, "dial"):  # a layer that follows the dial is one layer
        return False
    return sum(weight.dim() > 1 for weight in module.parameters()) > 1


@contextmanager
def _called_as(block: nn.Module, forward: Callable[..., Any]) -> Iterator[None]:
    own = vars(block).get("forward")  # one that somebody has put on this very module
    block.forward = forward
    try:
        yield
    finally:
        if own is None:
            del block.forward
        else:
            block.forward = own


class _Again:
    """Inside, a block is computed once more: dials stand where they stood, statistics move for nobody. Entered for each
    backward that asks for it: of a gradient that is differentiated itself there are two.
    """

    def __init__(self, block: nn.Module, dials: Sequence[Dial]) -> None:
        self.block, self.stands = block, [(dial, dial.setting) for dial in dials]

    def __enter__(self) -> None:
        with ExitStack() as stack:
            for dial, setting in self.stands:
                stack.enter_context(dial.at(setting))
            stack.enter_context(buffers_kept(self.block))
            self.stack = stack.pop_all()

    def __exit__(self, *_: object) -> None:
        self.stack.close()
