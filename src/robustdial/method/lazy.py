"""Tensors that are computed when somebody asks for them, once."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

from torch import Tensor


class Lazy:
    """A tensor that is computed at its first use, and then kept."""

    def __init__(self, compute: Callable[[], Tensor]) -> None:
        self._compute = compute

    @cached_property
    def value(self) -> Tensor:
        """The tensor."""
        return self._compute()

    @classmethod
    def known_as(cls, value: Tensor) -> Lazy:
        """One that has been computed."""
        lazy = cls(lambda: value)
        _ = lazy.value
        return lazy

    @property
    def known(self) -> bool:
        """Whether it has been computed."""
        return "value" in self.__dict__
