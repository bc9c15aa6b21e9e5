"""A view whose labels are probabilities."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any, cast

from torch import Tensor

from robustdial.method.objective.base import View, of_attacked


def soft(view: View, labels: Callable[[], Tensor]) -> View:
    """`view` with labels that are probabilities `[B, K]`, asked for when they are used."""
    return cast(View, _Soft(view, labels))


class _Soft:
    def __init__(self, view: View, labels: Callable[[], Tensor]) -> None:
        self._view, self._labels = view, labels

    @cached_property
    def y(self) -> Tensor:
        try:
            return self._labels()
        except AttributeError as error:  # which would be taken for an attribute that is the view's: its hard labels
            raise RuntimeError(f"The labels cannot be had: {error}") from error

    @cached_property
    def attacked_labels(self) -> Tensor:
        return of_attacked(self.y, self._view)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._view, name)  # all else is that of the view
