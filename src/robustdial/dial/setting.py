"""Where the dial stands for a batch, and the object through which every layer reads it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor, nn

Map = tuple[Tensor, Tensor]
"""Scale and shift of each distinct lambda, `[D, C]` both, or in the shape of what they are applied to."""

Rows = slice | Tensor
"""Some rows of a batch: a slice, or the index `[R]` of victims."""


class Setting(NamedTuple):
    """Where the dial stands for the rows of a batch.

    FiLM is computed once per distinct lambda (`D` of them) and gathered by `rows`. `rows` and `lam` may have length
    1: one lambda for every image.
    """

    codes: Tensor
    """Code of each distinct lambda `[D, E]`."""
    share: Tensor
    """Share of the robust statistics at each distinct lambda `[D]`: 0 clean, 1 robust, between them a mixture."""
    rows: Tensor
    """Index into `codes` of each row `[B]` or `[1]`, int64."""
    lam: Tensor
    """Lambda of each row `[B]` or `[1]`, for the loss."""
    first: int
    """In training, rows `[:first]` have lambda = 0; they are sorted first, so that dual batch norm is a slice."""
    level: int = 0
    """Index of the width."""

    def part(self, rows: Rows) -> Setting:
        """The setting of some rows of the batch; an index is of victims, whose lambda is not 0."""
        first = len(range(*rows.indices(self.first))) if isinstance(rows, slice) else 0
        return self._replace(rows=self.rows[rows], lam=self.lam[rows], first=first)


Maps = dict[nn.Module, dict[Hashable, tuple[Setting, Map]]]
"""Layers that stand still, each with what was made of its weights: by width and form, the setting and the map."""


def computed(setting: Setting, compute: Callable[[Setting], Map]) -> Map:
    """`compute(setting)` in single precision: two vectors per lambda cost nothing."""
    with torch.autocast(setting.codes.device.type, enabled=False):
        return compute(setting)


class AtRest(RuntimeError):
    """A layer was called while no network that it belongs to was."""


class Dial(threading.local):
    """The one object that every dialed layer of a network shares; the wrapper writes `setting` at each forward.

    Each thread has a setting of its own, so one network can be served at several lambdas at once.
    """

    def __init__(self) -> None:
        self._setting: Setting | None = None
        self._maps: Maps = {}

    def __reduce__(self) -> tuple[type[Dial], tuple[()]]:
        return Dial, ()  # a copy of a network, in memory or from a file, has a dial of its own, at rest

    @property
    def setting(self) -> Setting:
        """The setting of the running forward pass; raises AtRest, a RuntimeError, at rest."""
        if self._setting is None:
            raise AtRest(
                "A dialed layer ran outside the forward of its Dialed network. "
                "Call model(x, setting) or model.at(lam)(x). If the network's own activation checkpointing computes it "
                "again, switch that off, as by set_grad_checkpointing(False), and train with --grad-checkpointing."
            )
        return self._setting

    @contextmanager
    def standing(self, maps: Maps) -> Iterator[None]:
        """Inside, weights and statistics of the layers in `maps` stand still, and no gradient of them is asked for:
        each layer's map is computed once for each code, and kept there."""
        before, self._maps = self._maps, maps
        try:
            yield
        finally:
            self._maps = before

    def map_of(self, layer: nn.Module, compute: Callable[[Setting], Map], form: Hashable = None) -> Map:
        """What `compute` makes of the setting; of a layer that stands still, what it made of it before in this form."""
        setting = self.setting
        kept = None if torch.compiler.is_compiling() or layer.training else self._maps.get(layer)
        if kept is None:
            return computed(setting, compute)
        known = kept.get((setting.level, form))
        if known is None or known[0].codes is not setting.codes or known[0].share is not setting.share:
            with torch.inference_mode(False), torch.no_grad():  # what is kept may serve an attack later
                known = kept[setting.level, form] = (setting, computed(setting, compute))
        return known[1]

    @contextmanager
    def at(self, setting: Setting) -> Iterator[None]:
        """Inside, in whatever thread that is, the dial stands at `setting`, for layers that are computed once more."""
        before = self._setting
        self.turn(setting)
        try:
            yield
        finally:
            self.turn(before)

    def turn(self, setting: Setting | None) -> None:
        """Set the dial for a forward pass, or put it to rest (None)."""
        self._setting = setting
