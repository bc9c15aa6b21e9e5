"""A view whose labels are probabilities."""

from __future__ import annotations

from torch import Tensor

from robustdial.method.objective.base import View, of_attacked


class Soft:
    """A view whose labels are probabilities `[B, K]`; everything else is that of `view`."""

    def __init__(self, view: View, labels: Tensor) -> None:
        self._view = view
        self.y, self.attacked_labels = labels, of_attacked(labels, view)
        self.lam, self.z = view.lam, view.z
        self.at, self.zero, self.anywhere = view.at, view.zero, view.anywhere
        self.contested, self.called, self.mean_over_processes = view.contested, view.called, view.mean_over_processes

    @property
    def all_by_teacher(self) -> Tensor:
        return self._view.all_by_teacher

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
