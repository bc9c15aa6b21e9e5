"""A game: one batch at one width, seen by both players. A point: one perturbation of it, where weights may learn."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import torch
from torch import Tensor, nn

from robustdial.data import Batch
from robustdial.dial import Rows, Seat
from robustdial.logits import guarded, logits_of
from robustdial.method.objective import Objective
from robustdial.method.objective.base import single
from robustdial.method.threat import Reach, Threat, settled
from robustdial.typing import Classifier


class Game:
    """One batch at one width.

    Solvers play it through `open`, `gradient` and the attacked rows; they do not know the dial behind `seat`, nor the
    objective.

    Args:
        model: the network, for its mode and its parameters.
        seat: how its rows are forwarded and which of them have an adversary.
        batch: images and labels, and what is known of them.
        threat, objective: of the method.
        step_scale: factor on steps of constant size.
        teacher: images to logits `[B, K]`, for objectives that ask one.
    """

    def __init__(
        self,
        model: nn.Module,
        seat: Seat,
        batch: Batch,
        threat: Threat,
        objective: Objective,
        step_scale: float = 1.0,
        teacher: Classifier | None = None,
    ) -> None:
        self.model, self.seat, self.batch, self.attacked = model, seat, batch, batch.rows(slice(seat.first, None))
        self.objective, self.step_scale, self._given = objective, step_scale, threat
        self.threat = settled(threat, self.attacked_images)
        self.reach = _rows(seat.reach, slice(seat.first, None))
        """Share of the radius that each row's adversary may use: `[V]`, or one number."""
        self._teacher = teacher
        self.spent = 0
        """Images forwarded so far: with the backward that belongs to each, the cost in passes over images."""

    @property
    def attacked_images(self) -> Tensor:
        """The images that have an adversary `[V, C, H, W]`."""
        return self.attacked.x

    def open(self) -> Point:
        """A point before the adversary has moved; the objective has looked at what it must see first."""
        point = Point(self, None, Lazy(self._clean), Lazy(self._reference))
        self.objective.look(point)
        return point

    def gradient(self, z: Tensor, point: Point) -> Tensor:
        """Gradient of the adversary's loss, summed over the attacked rows, with respect to `z`."""
        seen = point.at(z)
        assert seen.z is not None
        return torch.autograd.grad(self.objective.attack(seen).sum(), seen.z)[0]

    def among(self, rows: Tensor) -> Game:
        """The same game for some of the attacked rows, by index `[R]`, without their origin."""
        first, lam = self.seat.first, self.seat.lam[self.seat.first :]
        seat = Seat(
            lambda images, part: self._forward(images, first + rows[part]), lam[rows], 0, _rows(self.reach, rows)
        )
        return Game(self.model, seat, self.attacked.numbered(rows), self._given, self.objective, teacher=self._teacher)

    @cached_property
    def teacher_probs(self) -> Tensor:
        """What the teacher answers to the clean images, probabilities `[B, K]`. Raises ValueError without one."""
        if self._teacher is None:
            raise ValueError("This objective learns from a teacher. Give the training state one: state.teacher = f.")
        with torch.no_grad():
            return single(guarded(self._teacher)(self.batch.x)).softmax(1)

    def forward_attacked(self, images: Tensor) -> Tensor:
        """Logits `[V, K]` of the attacked rows."""
        return self._forward(images, slice(self.seat.first, None))

    def forward(self, images: Tensor) -> Tensor:
        """Logits `[B, K]` of an image for every row."""
        return self._forward(images, slice(None))

    @torch.no_grad()
    def _reference(self) -> Tensor:
        return self.forward_attacked(self.attacked_images)

    def _clean(self) -> Tensor:
        return self.forward(self.batch.x)

    def _forward(self, images: Tensor, rows: Rows) -> Tensor:
        self.spent += len(images)
        # a copy: a network that writes into its input must not change what the others, and the next pass, see
        return logits_of(self.seat.forward(images.clone(), rows))


def _rows(reach: Reach, rows: Rows) -> Reach:
    return reach[rows] if isinstance(reach, Tensor) else reach


class Lazy:
    """A tensor that is computed at its first use, and then kept."""

    def __init__(self, compute: Callable[[], Tensor]) -> None:
        self._compute = compute

    @cached_property
    def value(self) -> Tensor:
        """The tensor."""
        return self._compute()

    @property
    def known(self) -> bool:
        """Whether it has been computed."""
        return "value" in self.__dict__


class Point:
    """One perturbation `z` of a game, seen as an objective sees it (`robustdial.method.objective.View`).

    Attributes:
        z: the perturbation; after the weights have learned here, `z.grad` is filled.
        parts: the optimizer steps once it has the gradients of so many points; each counts for its share.
    """

    def __init__(
        self,
        game: Game,
        z: Tensor | None,
        clean: Lazy,
        reference: Lazy,
        parts: int = 1,
        start: Tensor | None = None,
    ) -> None:
        self.game, self.z, self.parts, self._start = game, z, parts, start
        self._clean, self._reference = clean, reference
        self._shown, self._adv = Lazy(self._forward_all), Lazy(self._forward_attacked)

    def at(self, z: Tensor, parts: int = 1, start: Tensor | None = None) -> Point:
        """The same view, clean logits included, at another perturbation, which will get a gradient."""
        return Point(self.game, z.detach().requires_grad_(), self._clean, self._reference, parts, start)

    def among(self, rows: Tensor) -> Point:
        """The view of some of the attacked rows, by index `[R]`, before their adversaries have moved."""
        game, reference = self.game.among(rows), Lazy(lambda: self.reference[rows])
        return Point(game, None, Lazy(game._clean), reference)

    def afresh(self) -> Point:
        """The same point with nothing computed yet, for weights that have moved since."""
        return Point(self.game, self.z, Lazy(self.game._clean), self._reference, self.parts, self._start)

    @property
    def start(self) -> Tensor:
        """The perturbation from which the adversary set out; zero where its solver does not say."""
        return self.zero() if self._start is None else self._start

    def zero(self) -> Tensor:
        """The perturbation that changes nothing."""
        return self.game.threat.noise(self.game.attacked_images, self.game.reach, 0.0)

    def anywhere(self) -> Tensor:
        """A perturbation drawn from the whole of the threat's set."""
        return self.game.threat.noise(self.game.attacked_images, self.game.reach, 1.0)

    @property
    def y(self) -> Tensor:
        """Labels `[B]`."""
        return self.game.batch.y

    @property
    def lam(self) -> Tensor:
        """Position of the dial `[B]`."""
        return self.game.seat.lam

    @property
    def attacked_labels(self) -> Tensor:
        """Labels of the attacked rows `[V]`."""
        return self.game.attacked.y

    @property
    def by_teacher(self) -> Tensor:
        """Which labels are pseudo-labels, bool `[B]`."""
        return self.game.batch.by_teacher

    @property
    def teacher_probs(self) -> Tensor:
        """What the teacher answers to the clean images, probabilities `[B, K]`."""
        return self.game.teacher_probs

    @property
    def clean(self) -> Tensor:
        """Logits on the clean images `[B, K]`."""
        return self._clean.value

    @property
    def adv(self) -> Tensor:
        """Logits on the adversarial images `[V, K]`; without attacked rows, none."""
        if self._shown.known:
            return self.shown[self.game.seat.first :]
        return self._adv.value if len(self.game.attacked_images) else self.clean[:0]

    @property
    def shown(self) -> Tensor:
        """Logits `[B, K]` of one forward over the whole batch: on the adversarial images, and on the clean
        images of the others."""
        return self._shown.value if self.game.seat.first else self.adv

    @property
    def reference(self) -> Tensor:
        """Logits on clean attacked rows `[V, K]`, without gradient, of the network in the state in which it was
        when they were first asked for: while it is attacked."""
        return self._reference.value

    @torch.no_grad()
    def correct(self) -> dict[str, tuple[Tensor, int]]:
        """Right answers and their number of images, of `clean` and `adv`, as far as they were computed."""
        looked = {"clean": (self._clean, self.y), "adv": (self._adv, self.attacked_labels)}
        counts = {name: ((lazy.value.argmax(1) == y).sum(), len(y)) for name, (lazy, y) in looked.items() if lazy.known}
        if self._shown.known:
            first, right = self.game.seat.first, self.shown.argmax(1) == self.y
            counts |= {"adv": (right[first:].sum(), len(right) - first)}
            counts |= {"clean": (right[:first].sum(), first)} if first else {}
        return counts

    def _forward_all(self) -> Tensor:
        first = self.game.seat.first
        images = torch.cat([self.game.batch.x[:first], self._images()]) if first else self._images()
        return self.game.forward(images)

    def _forward_attacked(self) -> Tensor:
        return self.game.forward_attacked(self._images())

    def _images(self) -> Tensor:
        assert self.z is not None, "the adversary has not moved yet"
        return self.game.threat.apply(self.game.attacked_images, self.z)
