"""What one batch asks of a device, counted; also where blocks are computed again for the backward."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from torch import nn

from robustdial.data import Batch
from robustdial.plan.arithmetic import with_again
from robustdial.plan.counted import Calls, Tally, calls_of, counted
from robustdial.randomness import seeded
from robustdial.run.rehearsal import Understudy
from robustdial.training.batch import Sums
from robustdial.training.recompute import Recomputing


class Asked(NamedTuple):
    """What a batch has asked for.

    Attributes:
        macs: multiply-adds of convolutions and matrix products.
        kept: bytes that forwards kept for their backwards, of all passes together (`with_again`).
        peak: bytes that are kept at once, at the most.
        starts: kernels that were started.
        updates: of the weights.
        sums: what `train_batch` gave.
    """

    macs: float
    kept: float
    peak: float
    starts: float
    updates: int
    sums: Sums


def asked(understudy: Understudy, batch: Batch, passes: int) -> Asked:
    """Let the understudy learn from a batch, and count.

    What a block keeps while it is computed again is seen by nobody: it is learned from once more with everything kept.
    """
    forward = understudy.forward
    if not isinstance(forward, Recomputing):
        return _asked(*[_learned(understudy, [], batch, passes)] * 2)
    plainly = replace(understudy, forward=forward.forward)
    return _asked(*(_learned(played, forward.blocks, batch, passes) for played in (understudy, plainly)))


class _Learned(NamedTuple):
    tally: Tally
    blocks: dict[nn.Module, Calls]
    sums: Sums


def _learned(understudy: Understudy, blocks: list[nn.Module], batch: Batch, passes: int) -> _Learned:
    with seeded(0, batch.x.device), counted(understudy.model) as tally, calls_of(blocks, tally) as calls:
        return _Learned(tally, calls, understudy.learn(batch, passes))


def _asked(here: _Learned, plainly: _Learned) -> Asked:
    """From what was counted as the understudy learns, and with everything kept."""
    some, whole = here.tally, plainly.tally
    # when a block is computed again, what is kept is what was when it had returned, and what it keeps inside
    peaks = (calls.after + plainly.blocks[block].inside for block, calls in here.blocks.items())
    return Asked(
        macs=some.macs,
        kept=with_again(whole.kept, whole.kept - some.kept),
        peak=max(some.peak, *peaks, 0),
        # a kept tensor stands for a forward, and for what its backward takes: the gradient of what went in, and of a
        # weight; one that is computed again for a second forward
        starts=3.0 * whole.tensors + (whole.tensors - some.tensors),
        updates=some.updates,
        sums=here.sums,
    )
