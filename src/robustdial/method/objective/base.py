"""An objective is what each side wants: the adversary raises `attack`, the weights lower `learn`.

An objective sees a batch through a `View` and never learns whether a dial, a width or a decoder stands behind it.
Logits are lazy: what is not looked at is not computed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from robustdial.checks import said
from robustdial.logits import single


class View(Protocol):
    """What an objective may look at. `B` rows, of which the last `V` (the attacked rows) have an adversary."""

    @property
    def y(self) -> Tensor:
        """Labels: class numbers `[B]`, or probabilities `[B, K]` where they are mixed."""
        ...

    @property
    def lam(self) -> Tensor:
        """Position of the dial `[B]`; 1 where there is no dial."""
        ...

    @property
    def attacked_labels(self) -> Tensor:
        """Labels of the attacked rows, `[V]` or `[V, K]`."""
        ...

    @property
    def places(self) -> Tensor:
        """Places of the attacked rows among those of the whole batch, int64 `[V]`."""
        ...

    @property
    def by_teacher(self) -> Tensor:
        """Which labels are pseudo-labels, bool `[B]`."""
        ...

    @property
    def all_by_teacher(self) -> Tensor:
        """`by_teacher` of the whole batch, of which these may be the rows of one process."""
        ...

    @property
    def contested(self) -> bool:
        """Whether some row of the whole batch has an adversary."""
        ...

    @property
    def called(self) -> bool:
        """Whether the network is called on attacked rows here; with none, it may be so all the same, for a sum."""
        ...

    def mean_over_processes(self, value: Tensor) -> Tensor:
        """The mean of a number that every process has, without gradient."""
        ...

    @property
    def teacher_probs(self) -> Tensor:
        """What the teacher answers to the clean images, probabilities `[B, K]`."""
        ...

    @property
    def teacher_adv_probs(self) -> Tensor:
        """What the teacher answers to the adversarial images, probabilities `[V, K]`."""
        ...

    @property
    def clean(self) -> Tensor:
        """Logits on the clean images `[B, K]`."""
        ...

    @property
    def adv(self) -> Tensor:
        """Logits on the adversarial images `[V, K]`."""
        ...

    @property
    def shown(self) -> Tensor:
        """Logits `[B, K]` of one forward over the whole batch: on the adversarial images, and on the clean
        images of the others."""
        ...

    @property
    def reference(self) -> Tensor:
        """Logits on clean attacked rows `[V, K]`, without gradient, as the attacked network gives them."""
        ...

    @property
    def z(self) -> Tensor | None:
        """The attacked rows' perturbation; None before the adversary has moved."""
        ...

    @property
    def start(self) -> Tensor:
        """The perturbation from which the adversary set out to `z`, without gradient."""
        ...

    @property
    def at_start(self) -> Tensor:
        """Logits `[V, K]` at `start`, without gradient: those that the adversary's first step has seen, as the attacked
        network gave them; asked for now if it has made none."""
        ...

    def at(self, z: Tensor) -> View:
        """The same batch with the adversary at another perturbation, which asks for a gradient."""
        ...

    def zero(self) -> Tensor:
        """The perturbation that changes nothing."""
        ...

    def anywhere(self) -> Tensor:
        """A perturbation drawn from the whole of the threat's set."""
        ...

    def drawn(self, draw: Callable[[Tensor], Tensor], like: Tensor) -> Tensor:
        """Random numbers for every attacked row, `draw(like)`: the same however the batch is divided."""
        ...


class Objective(Protocol):
    """What each side wants."""

    def look(self, view: View) -> None:
        """Compute what must be seen before the adversary moves (`view.clean`, or nothing).

        The order matters where statistics are running: the paper's code lets the clean images update the robust
        batch-norm statistics first, and the adversary then plays against the updated network.
        """
        ...

    def attack(self, view: View) -> Tensor:
        """Loss per victim `[V]` that the adversary raises."""
        ...

    def learn(self, view: View) -> Tensor:
        """Loss per row `[B]` that the weights lower."""
        ...


class Paired(Objective, Protocol):
    """An objective that is the sum of two terms, which can be weighed apart. If it is separable too, by these."""

    def terms(self, view: View) -> tuple[Tensor, Tensor]:
        """Loss per row `[B]` on the clean image, and what the adversary adds to it `[B]`."""
        ...


def asks_teacher(objective: object) -> bool:
    """Whether an objective, or one that it is built around, asks a teacher: it says so by `asks_teacher = True`."""
    inside = fields(objective) if is_dataclass(objective) else ()
    return getattr(objective, "asks_teacher", False) or any(asks_teacher(getattr(objective, f.name)) for f in inside)


def cross_entropy(logits: Tensor, y: Tensor) -> Tensor:
    """Cross-entropy per row `[B]`, in at least single precision. `y` is int64 `[B]`, or probabilities `[B, K]`."""
    logits = single(logits)
    return F.cross_entropy(logits, y.to(logits.dtype) if y.is_floating_point() else y, reduction="none")


def divergence(target: Tensor, logits: Tensor) -> Tensor:
    """Kullback-Leibler divergence KL(p || q) per row `[B]`, p of the logits `target`, q of `logits`."""
    p, log_q = single(target).log_softmax(1), single(logits).log_softmax(1)
    return F.kl_div(log_q, p, reduction="none", log_target=True).sum(1)


def of_attacked(values: Tensor, view: View) -> Tensor:
    """The attacked rows' part `[V, ...]` of something per row `[B, ...]`."""
    return values[len(view.y) - len(view.attacked_labels) :]


def per_row(of_attacked: Tensor, view: View) -> Tensor:
    """Something per victim `[V]` as something per row `[B]`: zero where there is no adversary."""
    return torch.cat([of_attacked.new_zeros(len(view.y) - len(of_attacked)), of_attacked])


def hard(y: Tensor) -> Tensor:
    """Labels as class numbers `[B]`: of probabilities `[B, K]`, the most likely class."""
    return y.argmax(1) if y.is_floating_point() else y


def probabilities(y: Tensor, classes: int) -> Tensor:
    """Labels as probabilities `[B, K]`, be they class numbers `[B]` or probabilities."""
    return y if y.is_floating_point() else F.one_hot(y, classes)


def not_negative(name: str, weight: float) -> None:
    """Raise ValueError unless `weight`, called `name`, is a finite number from 0 on."""
    if not 0 <= weight < math.inf:
        raise ValueError(f"{name}={weight:g} cannot weigh a loss. Give a finite number, 0 or more.")


def every_second(view: View) -> Tensor:
    """Every second of the attacked rows of the whole batch, bool `[V]`: in a shuffled order, a half of every batch."""
    return view.places % 2 == 1


def each_row(loss: object, rows: int, name: str) -> Tensor:
    """A loss, if it is one number for each row `[rows]`. Raises TypeError otherwise: its mean would be another one.

    >>> each_row(torch.zeros(3, 1), 3, "The loss")
    Traceback (most recent call last):
    TypeError: The loss is a tensor of [3, 1] for 3 images. Give one number for each [3], as with reduction='none'.
    """
    if not isinstance(loss, Tensor) or loss.shape != (rows,):
        raise TypeError(
            f"{name} is {said(loss)} for {rows} images. Give one number for each [{rows}], as with reduction='none'."
        )
    return loss
