"""A game: one batch at one width, seen by both players. A point: one perturbation of it, where weights may learn."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from functools import cached_property, partial

import torch
from torch import Tensor, nn

from robustdial.data import Batch
from robustdial.dial import Rows, Seat, unchanged
from robustdial.distributed import ALONE, Shard, World, drawn, sharded
from robustdial.logits import checked_logits, logits_of, single
from robustdial.method.lazy import Lazy
from robustdial.method.modes import Mode, attacked
from robustdial.method.objective import Objective, first_of
from robustdial.method.objective.base import each_row, hard
from robustdial.method.threat import Reach, Threat, settled
from robustdial.typing import Classifier

_NO_GRADIENT = "The network lets no gradient through"
_REMEDY = "An adversary would stand still: let it through, or train clean."

Send = Callable[[Tensor, int], None]
"""Sends back a loss per row `[B]` at one of so many points of an update: weights learn from it."""


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
        world: the processes that play the rows of the whole batch.
        turn: the context in which this game goes on, where several games of a batch are played by turns.
        send: lets the weights learn what is known before the adversary moves; None if they learn all of it afterwards.
        parts: from how many points of this batch an update learns, each counting for its share.
        places: of the attacked rows among those of the whole batch, int64 `[V]`; by default those of the seat.
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
        world: World = ALONE,
        turn: Callable[[], AbstractContextManager[None]] = nullcontext,
        send: Send | None = None,
        parts: int = 1,
        places: Tensor | None = None,
    ) -> None:
        self.model, self.seat, self.batch, self.attacked = model, seat, batch, batch.rows(slice(seat.first, None))
        self.objective, self.step_scale, self._given = objective, step_scale, threat
        self.threat = settled(threat, self.attacked_images)
        self.reach = _rows(seat.reach, slice(seat.first, None))
        """Share of the radius that each row's adversary may use: `[V]`, or one number."""
        self._teacher, self.world, self.turn = teacher, world, turn
        self.send, self.parts = send, parts
        self.places = seat.victims.numbers(self.attacked_images) if places is None else places
        self.called = world.together(len(self.attacked_images) > 0)
        """Whether the network is called on attacked rows; with none here it may be, to take part in what others do."""
        self.spent = 0
        """Images forwarded so far: with the backward that belongs to each, the cost in passes over images."""

    @property
    def attacked_images(self) -> Tensor:
        """The images that have an adversary `[V, C, H, W]`."""
        return self.attacked.x

    @contextmanager
    def under_attack(self, mode: Mode) -> Iterator[None]:
        """The network as it is while it is attacked, in `mode`, its weights at rest."""
        at_rest = self.seat.standing if mode == "eval" and len(self.attacked_images) else unchanged
        with attacked(self.model, mode), at_rest(self.attacked_images):
            yield

    def open(self, parts: int = 1) -> Point:
        """A point before the adversary has moved, for one point to learn from: the next that the solver yields.

        An update learns from so many of these, `parts`, each counting for its share.

        The objective has looked at what it must see first. What of the loss is known by then has been learned from, and
        its forward is let go, so that it takes no memory while the adversary moves.
        """
        point = Point(self, None, Lazy(self._clean), Lazy(self._reference), parts * self.parts)
        if self.send is None:
            self.objective.look(point)
            return point
        first = first_of(self.objective, point)
        if first is None:
            return point
        self.send(first, point.parts)
        return point.learned_from(first)

    def gradient(self, z: Tensor, point: Point) -> Tensor:
        """Gradient of the adversary's loss, summed over the attacked rows, with respect to `z`."""
        seen = point.at(z)
        assert seen.z is not None
        name = f"The attack loss of {type(self.objective).__name__}"
        loss = each_row(self.objective.attack(seen), len(z), name).sum()
        point.note(z, seen)
        if not loss.requires_grad:
            raise ValueError(f"{_NO_GRADIENT} to its images (detach, no_grad, a comparison). {_REMEDY}")
        gradient = torch.autograd.grad(loss, seen.z)[0]
        # on an accelerator the answer would have to be waited for; where the loss is lost too, the epoch's end tells
        # a sum is NaN where any of it is, and ten times quicker than to look at each
        if z.is_cpu and gradient.sum().isnan() and gradient.isnan().any() and loss.isfinite():
            raise ValueError(f"{_NO_GRADIENT} that is a number: it is NaN, as that of a square root at 0. {_REMEDY}")
        return gradient

    @property
    def begins(self) -> bool:
        """Whether these are the first rows of the batch that are played, where it is played in parts."""
        return self.batch.place.start < self.world.size

    @property
    def shard(self) -> Shard:
        """Which of the attacked rows of the whole batch these are."""
        return self.seat.victims

    def drawn(self, draw: Callable[[Tensor], Tensor], like: Tensor) -> Tensor:
        """Random numbers for every victim, `draw(like)` (`distributed.drawn`): the same on however many processes."""
        with sharded(self.shard):
            return drawn(draw, like)

    def noise(self, amount: float, radii: float = 1.0) -> Tensor:
        """A perturbation of every attacked row, drawn from this share of its set; 0 for the one that changes nothing.

        The set may be one of other size, of so many `radii`.
        """
        with sharded(self.shard):
            return self.threat.noise(self.attacked_images, radii * self.reach, amount)

    def put(self, store: Tensor, rows: Tensor, values: Tensor) -> None:
        """Keep something of every victim: `store[rows] = values`, one row for each, in every process."""
        self.world.put(store, rows, values, self.shard)

    def among(self, rows: Tensor, labels: Tensor | None = None) -> Game:
        """The same game for some of the attacked rows, by index `[R]`, without their origin; nothing is drawn in it.

        Their labels are `labels`, where these are given.
        """
        first, lam = self.seat.first, self.seat.lam[self.seat.first :]
        seat = Seat(
            lambda images, part: self._forward(images, first + rows[part]),
            lam[rows],
            0,
            Shard(len(rows)),
            _rows(self.reach, rows),
        )
        batch = self.attacked.numbered(rows)
        batch = batch if labels is None else replace(batch, y=labels)
        given = (self._given, self.objective, self.step_scale, self._teacher, self.world, self.turn)
        return Game(self.model, seat, batch, *given, places=self.places[rows])

    def within(self, threat: Threat, parts: int = 1) -> Game:
        """The same game in another threat, one of so many from which an update learns; what it forwards counts here."""
        given = (self.objective, self.step_scale, self._teacher, self.world, self.turn, self.send, self.parts * parts)
        return Game(self.model, self.seat._replace(forward=self._forward), self.batch, threat, *given)

    @cached_property
    def teacher_probs(self) -> Tensor:
        """What the teacher answers to the clean images, probabilities `[B, K]`. Raises ValueError without one."""
        return self.taught(self.batch.x)

    def taught(self, images: Tensor) -> Tensor:
        """What the teacher answers to images, probabilities `[R, K]`. Raises ValueError without one."""
        if self._teacher is None:
            raise ValueError("This objective learns from a teacher. Give the training state one: state.teacher = f.")
        with torch.no_grad():
            return single(logits_of(self._teacher(images.clone()))).softmax(1)

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
        logits = checked_logits(logits_of(self.seat.forward(images.clone(), rows)), len(images))
        if self.batch.y.dim() == 2 and self.batch.y.shape[1] != logits.shape[1]:
            raise ValueError(
                f"The labels are probabilities of {self.batch.y.shape[1]} classes, and the network has "
                f"{logits.shape[1]} logits. Give one for each class to both."
            )
        return logits


def _rows(reach: Reach, rows: Rows) -> Reach:
    return reach[rows] if isinstance(reach, Tensor) else reach


def _right(logits: Tensor, y: Tensor) -> Tensor:
    return logits.argmax(1) == hard(y)


class Point:
    """One perturbation `z` of a game, seen as an objective sees it (`robustdial.method.objective.View`).

    Attributes:
        z: the perturbation; after the weights have learned here, `z.grad` is filled.
        parts: the optimizer steps once it has the gradients of so many points; each counts for its share.
        learned: the term of the loss per row `[B]` from which they have learned already, without gradient, or None.
    """

    def __init__(
        self,
        game: Game,
        z: Tensor | None,
        clean: Lazy,
        reference: Lazy,
        parts: int = 1,
        start: Tensor | None = None,
        learned: Tensor | None = None,
        noted: tuple[Tensor, Tensor] | None = None,
    ) -> None:
        self.game, self.z, self.parts, self._start, self.learned = game, z, parts, start, learned
        self._noted = noted
        self._clean, self._reference = clean, reference
        # not methods: a point that its own parts hold would keep its logits until Python looks for such circles
        self._shown, self._adv = (Lazy(partial(forward, game, z)) for forward in (_forward_all, _forward_attacked))

    def at(self, z: Tensor, start: Tensor | None = None) -> Point:
        """The same view, clean logits included, at another perturbation, which will get a gradient."""
        known = (self._clean, self._reference, self.parts, start, self.learned, self._noted)
        return Point(self.game, z.detach().requires_grad_(), *known)

    def note(self, z: Tensor, seen: Point) -> None:
        """Keep the logits where the adversary's first step sets out, `seen` at `z`."""
        if self._noted is None and seen._adv.known:
            self._noted = z, seen.adv.detach()

    def learned_from(self, term: Tensor) -> Point:
        """The same view after the weights have learned from a term of the loss on its clean logits, now constants."""
        clean = Lazy.known_as(self.clean.detach())
        return Point(self.game, self.z, clean, self._reference, self.parts, self._start, term.detach())

    def within(self, threat: Threat) -> Point:
        """The same view in another threat (`Game.within`)."""
        return Point(self.game.within(threat), None, self._clean, self._reference, self.parts, None, self.learned)

    def among(self, rows: Tensor, labels: Tensor | None = None) -> Point:
        """The view of some of the attacked rows, by index `[R]`, before their adversaries have moved (`Game.among`)."""
        game, reference = self.game.among(rows, labels), Lazy(lambda: self.reference[rows])
        return Point(game, None, Lazy(game._clean), reference)

    def apart(self, rows: Tensor) -> Point:
        """`among`, with nothing computed yet: what is asked for is computed for these rows alone."""
        game = self.game.among(rows)
        return Point(game, None, Lazy(game._clean), Lazy(game._reference))

    def afresh(self) -> Point:
        """The same point with nothing computed yet, for weights that have moved since."""
        return Point(self.game, self.z, Lazy(self.game._clean), self._reference, self.parts, self._start)

    @property
    def start(self) -> Tensor:
        """The perturbation from which the adversary set out; zero where its solver does not say."""
        return self.zero() if self._start is None else self._start

    @property
    def at_start(self) -> Tensor:
        """Logits `[V, K]` at `start`, without gradient: what the adversary's first step has seen, if it made one."""
        if self._noted is not None and self._noted[0] is self._start:
            return self._noted[1]
        with torch.no_grad():
            return self.at(self.start).adv

    def zero(self) -> Tensor:
        """The perturbation that changes nothing."""
        return self.game.noise(0.0)

    def anywhere(self) -> Tensor:
        """A perturbation drawn from the whole of the threat's set."""
        return self.game.noise(1.0)

    def drawn(self, draw: Callable[[Tensor], Tensor], like: Tensor) -> Tensor:
        """Random numbers for every attacked row (`Game.drawn`)."""
        return self.game.drawn(draw, like)

    @property
    def y(self) -> Tensor:
        """Labels, `[B]` or probabilities `[B, K]`."""
        return self.game.batch.y

    @property
    def lam(self) -> Tensor:
        """Position of the dial `[B]`."""
        return self.game.seat.lam

    @property
    def attacked_labels(self) -> Tensor:
        """Labels of the attacked rows, `[V]` or probabilities `[V, K]`."""
        return self.game.attacked.y

    @property
    def places(self) -> Tensor:
        """Places of the attacked rows among those of the whole batch, int64 `[V]`."""
        return self.game.places

    @property
    def by_teacher(self) -> Tensor:
        """Which labels are pseudo-labels, bool `[B]`."""
        return self.game.batch.by_teacher

    @property
    def all_by_teacher(self) -> Tensor:
        """Which labels of the whole batch are pseudo-labels, bool."""
        return self.game.batch.all_by_teacher

    @property
    def contested(self) -> bool:
        """Whether some row of the whole batch has an adversary."""
        return self.game.shard.of > 0

    @property
    def called(self) -> bool:
        """Whether the network is called on attacked rows here, be it on none of them."""
        return self.game.called

    def mean_over_processes(self, value: Tensor) -> Tensor:
        """The mean of a number that every process has, without gradient."""
        return self.game.world.sum(value) / self.game.world.size

    @property
    def teacher_probs(self) -> Tensor:
        """What the teacher answers to the clean images, probabilities `[B, K]`."""
        return self.game.teacher_probs

    @property
    def teacher_adv_probs(self) -> Tensor:
        """What the teacher answers to the adversarial images, probabilities `[V, K]`."""
        if not len(self.attacked_labels):
            return self.teacher_probs[:0]
        return self.game.taught(_images(self.game, self.z).detach())

    @property
    def clean(self) -> Tensor:
        """Logits on the clean images `[B, K]`."""
        return self._clean.value

    @property
    def adv(self) -> Tensor:
        """Logits on the adversarial images `[V, K]`; without attacked rows, none."""
        if self._shown.known:
            return self.shown[self.game.seat.first :]
        return self._adv.value if self.game.called else self.clean[:0]

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
        """Right answers and their number of images, of `clean` and `adv`, as far as they were computed.

        Where labels are probabilities, the most likely class is the right one.
        """
        looked = {"clean": (self._clean, self.y), "adv": (self._adv, self.attacked_labels)}
        counts = {name: (_right(lazy.value, y).sum(), len(y)) for name, (lazy, y) in looked.items() if lazy.known}
        if self._shown.known:
            first, right = self.game.seat.first, _right(self.shown, self.y)
            counts |= {"adv": (right[first:].sum(), len(right) - first)}
            counts |= {"clean": (right[:first].sum(), first)} if first else {}
        return counts


def _forward_all(game: Game, z: Tensor | None) -> Tensor:
    first, images = game.seat.first, _images(game, z)
    return game.forward(torch.cat([game.batch.x[:first], images]) if first else images)


def _forward_attacked(game: Game, z: Tensor | None) -> Tensor:
    return game.forward_attacked(_images(game, z))


def _images(game: Game, z: Tensor | None) -> Tensor:
    assert z is not None, "the adversary has not moved yet"
    return game.threat.apply(game.attacked_images, z)
