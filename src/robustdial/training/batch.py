"""One batch: the games of its parts and widths, the points that the weights learn from, and the updates."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from itertools import chain

import torch
from torch import Tensor, nn

from robustdial.checks import a, checked, whole
from robustdial.data import Batch, whole_images
from robustdial.dial import Forward
from robustdial.distributed import ALONE, Shard, World
from robustdial.method import Method
from robustdial.method.game import Game, Point
from robustdial.method.learner import Learner, Plain
from robustdial.method.objective import Objective, rest_of
from robustdial.method.objective.base import each_row
from robustdial.method.solver import Memory
from robustdial.randomness import RandomStream
from robustdial.training.door import check_divides, check_learns, check_steps, told
from robustdial.training.sending import Backward, Sending
from robustdial.training.update import Update
from robustdial.typing import Classifier

PLAIN = Plain()

Turn = Callable[[], AbstractContextManager[None]]

Sums = dict[str, Tensor]
"""Statistics that add up over batches and over processes."""


@checked
def train_batch(
    model: nn.Module,
    batch: Batch,
    method: Method,
    passes: int,
    optimizer: torch.optim.Optimizer,
    memories: list[Memory],
    *,
    forward: Forward | None = None,
    backward: Backward = torch.autograd.backward,
    learner: Learner = PLAIN,
    step_scale: float = 1.0,
    teacher: Classifier | None = None,
    world: World = ALONE,
    accumulate: int = 1,
    clip: float = 0.0,
) -> Sums:
    """Play `method` on one batch and let the weights learn: the engine, entire.

    Args:
        model: in training mode; with a dial if the method has one.
        batch: images and labels, `Batch(x, y)`; of several processes, the rows of this one.
        passes: forward-backward passes to spend, the learning ones included.
        memories: what the solver keeps between batches, one entry per width; grows as needed.
        forward: how the model is called (precision, compiled); the model itself by default.
        backward: how a loss to learn from is propagated, such as `accelerator.backward`. One that scales losses scales
            `gradient` too.
        learner: where the weights stand while they learn.
        step_scale: factor on the adversary's steps of constant size.
        teacher: images to logits, in evaluation mode, for objectives that ask one; its forward is not counted.
        world: the processes that play the batch, each as many rows; all go on from the random numbers of the first.
        accumulate: parts in which the rows are played, one after the other, for one update: less memory, and the same
            update where no statistics are those of a batch.
        clip: largest length of the gradient of an update; 0 for any.

    Returns:
        Sums over the rows as the last learning pass saw them: `loss`, `rows`, for `clean` and `adv` the right answers
            and their number, as far as computed, and `gradient`, the L1 norm of the gradient of each row's loss with
            respect to its perturbation, with the number of attacked rows. `spent` is the cost in passes over
            images, of all widths, and `images` the size of the batch.

    Raises:
        TypeError, ValueError: an argument that cannot be meant, pixels outside [0, 1], a batch elsewhere than the
            model, labels that the model has no logit for, an optimizer of other weights, or gradients switched off.
    """
    whole("passes", passes, least=1)
    if not len(batch):
        raise ValueError("The batch has no images. Leave it out.")
    whole_images(batch.x, "training")
    check_place(model, batch)
    check_steps(optimizer)
    check_learns(model, optimizer, teacher)
    check_divides(1, accumulate, len(batch))
    world.same_random_numbers(batch.x.device)
    if batch.shard is None:
        batch = replace(batch, shard=Shard(len(batch) * world.size, world.rank, world.size))
    with told(model, batch):
        return played(
            model,
            batch,
            method,
            passes,
            optimizer,
            memories,
            forward=model if forward is None else forward,  # a compiled network may have no truth value
            backward=backward,
            learner=learner,
            step_scale=step_scale,
            teacher=teacher,
            world=world,
            accumulate=accumulate,
            clip=clip,
        )


def check_place(model: nn.Module, batch: Batch) -> None:
    """Raises ValueError if the images are elsewhere than the weights."""
    place = next((weight.device for weight in model.parameters()), batch.x.device)
    if place != batch.x.device:
        raise ValueError(f"The network is on {place}, the images are on {batch.x.device}. Use data.to({str(place)!r}).")


def played(
    model: nn.Module,
    batch: Batch,
    method: Method,
    passes: int,
    optimizer: torch.optim.Optimizer,
    memories: list[Memory],
    *,
    forward: Forward,
    backward: Backward = torch.autograd.backward,
    learner: Learner,
    step_scale: float,
    teacher: Classifier | None,
    world: World,
    accumulate: int,
    clip: float,
) -> Sums:
    """`train_batch` behind its door: on an accelerator, a look at every pixel would wait for it."""
    turns = [RandomStream(batch.x.device) for _ in range(accumulate)] if accumulate > 1 else []
    dealt = [batch.dealt(number, accumulate) for number in range(accumulate)] if turns else [batch]
    contexts: list[Turn] = [turn.turn for turn in turns] or [nullcontext]

    def sit_down(part: Batch, turn: Turn) -> Round:
        with turn():
            seats = method.dial.seats(model, forward, part.x, part.place)
        send = Sending(backward, len(seats) * len(dealt))
        memories.extend({} for _ in range(len(seats) - len(memories)))
        ahead = send.ahead if learner.still else None
        given = (method.threat, method.objective, step_scale, teacher, world, turn, ahead)
        games = [Game(model, seat, part, *given) for seat in seats]
        plays = [method.solver.play(game, passes, memory) for game, memory in zip(games, memories, strict=True)]
        return Round(games, zip(*plays, strict=True), turn, send)  # all widths advance in lock-step

    optimizer.zero_grad(set_to_none=True)  # of a batch that was broken off, or a backward of the caller's
    rounds = [sit_down(part, turn) for part, turn in zip(dealt, contexts, strict=True)]
    update, learned = Update(model, optimizer, world, clip), 0
    sums: Sums = {}
    while (first := rounds[0].go_on()) is not None:
        sums, learned = {}, learned + 1
        parts = chain([first], (round.go_on() or () for round in rounds[1:]))  # each when the one before has learned
        with learner.around(model, parts, method.objective) as found:
            for points, round in zip(found, rounds, strict=True):
                sums = add(sums, _learn(points, method.objective, round.send))
                round.send.check(method)
            if learned % first[0].parts == 0:
                update()
    if not learned:
        raise ValueError(
            f"{type(method.solver).__name__} gives no point to learn from. Let its play yield one or more."
        )
    for round in rounds[1:]:
        round.go_on()  # to its end
    if turns:
        turns[0].go_on()  # all of them have drawn the same numbers
    spent = sum(game.spent for round in rounds for game in round.games)
    return sums | {"spent": torch.tensor(spent), "images": torch.tensor(len(batch))}


@dataclass(frozen=True)
class Round:
    """The games of one part of a batch, one for each width.

    Args:
        games: of all widths.
        plays: their points, together.
        turn: the random numbers that they go on with.
        send: how their losses are sent back.
    """

    games: list[Game]
    plays: Iterator[tuple[Point, ...]]
    turn: Turn
    send: Sending

    def go_on(self) -> tuple[Point, ...] | None:
        """The next points to learn from, one for each width; None at the end."""
        with self.turn():
            points = next(self.plays, None)
        for point in points or ():
            a("what a solver yields", point, Point, "a point of game.open(), at another perturbation: point.at(z)")
        return points


def add(total: Sums, more: Mapping[str, Tensor]) -> Sums:
    """Both together, in double precision, on the device: nothing waits, and saving does not change the sum."""
    return total | {name: total.get(name, 0) + value.double() for name, value in more.items()}


def _learn(points: Sequence[Point], objective: Objective, send: Sending) -> Sums:
    """Gather the gradients of the points of all widths of one part of a batch."""
    sums: Sums = {}
    for point in points:
        loss = point.learned
        send.owed -= loss is not None
        with point.game.turn():
            for term in _terms(objective, point):
                each_row(term, len(point.y), f"The loss of {type(objective).__name__}")
                send.now(term, point.parts)
                loss = term.detach() if loss is None else loss + term.detach()
        assert loss is not None, "the objective has no terms"
        sums = add(sums, _sums(point, loss, send.shares * point.parts))
    return sums


def _terms(objective: Objective, point: Point) -> Iterator[Tensor]:
    """The terms of the loss that the weights have not learned from, each computed when the one before was sent back."""
    if point.game.send is None:
        yield objective.learn(point)
    else:
        yield from rest_of(objective, point)


def _sums(point: Point, loss: Tensor, shares: int) -> Sums:
    sums = {"loss": loss.sum(), "rows": torch.tensor(len(loss))}
    for name, (correct, number) in point.correct().items():
        sums |= {name: correct, f"{name}_rows": torch.tensor(number)}
    if point.z is not None and point.z.grad is not None:
        # undo the mean over the batch and the share of the update: each image's gradient is that of its own loss
        gradient = point.z.grad.abs().sum() * len(loss) * shares
        sums |= {"gradient": gradient, "gradient_rows": torch.tensor(len(point.z))}
    return sums
