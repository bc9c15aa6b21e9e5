"""A view whose labels are probabilities."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

from torch import Tensor

from robustdial.method.objective.base import View, of_attacked


class Soft:
    """A view whose labels are probabilities `[B, K]`, asked for when they are used; all else is that of `view`."""

    def __init__(self, view: View, labels: Callable[[], Tensor]) -> None:
        self._view, self._labels = view, labels
        self.lam, self.z = view.lam, view.z
        self.at, self.zero, self.anywhere, self.drawn = view.at, view.zero, view.anywhere, view.drawn
        self.contested, self.called, self.mean_over_processes = view.contested, view.called, view.mean_over_processes

    @cached_property
    def y(self) -> Tensor:
        return self._labels()

    @cached_property
    def attacked_labels(self) -> Tensor:
        return of_attacked(self.y, self._view)

    @property
    def all_by_teacher(self) -> Tensor:
        return self._view.all_by_teacher

    @property
    def places(self) -> Tensor:
        return self._view.places

    @property
    def by_teacher(self) -> Tensor:
        return self._view.by_teacher

    @property
    def teacher_probs(self) -> Tensor:
        return self._view.teacher_probs

    @property
    def teacher_adv_probs(self) -> Tensor:
        return self._view.teacher_adv_probs

    @property
    def start(self) -> Tensor:
        return self._view.start

    @property
    def at_start(self) -> Tensor:
        return self._view.at_start

    @property
    def clean(self) -> Tensor:
        return self._view.clean

    @property
    def adv(self) -> Tensor:
        return self._view.adv

    @property
    def shown(self) -> Tensor:
        return self._view.shown

    @property
    def reference(self) -> Tensor:
        return self._view.reference
