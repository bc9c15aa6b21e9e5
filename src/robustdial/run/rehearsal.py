"""One training step of a run on a copy of its network, before anything is written: can it be trained at all?"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import nn

from robustdial.bounds import cut_at_bounds
from robustdial.data import Batch, to_learn_at
from robustdial.dial import Forward
from robustdial.dial.setting import AtRest
from robustdial.distributed import divide, synchronised
from robustdial.logits import check_finite, checked_logits, first_line, logits_of, place_of
from robustdial.method.modes import attacked
from robustdial.method.objective import hard
from robustdial.randomness import seeded
from robustdial.run.experiment import Experiment
from robustdial.run.network import untrained
from robustdial.training.batch import Sums, train_batch
from robustdial.training.checkpoint import check_state
from robustdial.training.optimizer import optimizer_for
from robustdial.training.recompute import called

_FEW = 8  # images on which logits and bounds are looked at
_ROUNDED = 1e-3


@dataclass(frozen=True)
class Understudy:
    """A copy of a run's network that learns in its place, at rate zero.

    Args:
        experiment: the run.
        model: the copy, in training mode.
        forward: how it is called.
    """

    experiment: Experiment
    model: nn.Module
    forward: Forward

    @staticmethod
    def of(experiment: Experiment, compiled: bool) -> Understudy:
        """An understudy for the network that learns, run through torch.compile or as it is."""
        model = _divided(experiment) if experiment.world.divides else copy.deepcopy(experiment.state.model)
        model.train()
        run, precision = experiment.run, experiment.about["run"]["precision"]
        return Understudy(experiment, model, called(model, precision, compiled, run.grad_checkpointing))

    def batches(self, number: int, images: int, side: int | None = None) -> Iterator[Batch]:
        """The first batch of so many images, so many times, augmented anew; of images of another side, in pixels."""
        feed = self.experiment.feed
        feed = replace(feed, data=to_learn_at(feed.data, side))
        return feed.batches(feed.order(images, 0, 0)[:1] * number)

    def learn(self, batch: Batch, passes: int) -> Sums:
        """What `train_batch` gives."""
        state = self.experiment.state
        return train_batch(
            self.model,
            batch,
            self.experiment.method,
            passes,
            optimizer_for(self.model, lr=0.0),
            [],
            forward=self.forward,
            learner=state.learner,
            teacher=state.teacher,
            world=state.world,
            accumulate=state.accumulate,
        )


def _divided(experiment: Experiment) -> nn.Module:
    """A network like that of a run: one whose weights are divided cannot be copied."""
    model, world = untrained(experiment.about), experiment.world
    if world.norms == "synchronised":
        synchronised(model, world)
    divide(model, experiment.device, world.size)
    return model


def check_step(experiment: Experiment) -> None:
    """Raises ValueError if the network cannot learn from a batch as the method asks, or its state cannot be kept.

    No random number is spent.
    """
    check_state(experiment.state.model)
    _, with_adversary = _passes(experiment)
    for side in _sides(experiment):
        _check_step(experiment, with_adversary, side)
    if experiment.run.compile is True:
        make_graphs(experiment)


def make_graphs(experiment: Experiment) -> None:
    """Let torch.compile make what the run will ask for, before it begins: graphs of the copy are those of its network.

    Raises ValueError if it cannot.
    """
    passes = dict.fromkeys(_passes(experiment))
    with seeded(0, experiment.device):
        understudy = Understudy.of(experiment, compiled=True)
        try:
            for side in _sides(experiment):
                for number, batch in zip(
                    passes, understudy.batches(len(passes), experiment.run.batch, side), strict=True
                ):
                    understudy.learn(batch, number)
        except torch.OutOfMemoryError:
            raise
        except Exception as error:  # whatever the compiler, and that of the system, raise
            name, said = experiment.about["model"]["name"], first_line(getattr(error, "inner_exception", error))
            raise ValueError(f"torch.compile fails on {name}: {said}. Leave out --compile.") from error


def _passes(experiment: Experiment) -> tuple[int, int]:
    """Passes per batch at the beginning, and once there is an adversary: one that comes later is tried now."""
    schedule = experiment.method.schedule
    first = schedule.passes(schedule.init())
    return first, first if first > 1 else schedule.most


def _sides(experiment: Experiment) -> tuple[int | None, ...]:
    """How large the images to learn from will be, in pixels; None for the size that they have."""
    sides = experiment.run.sides
    return tuple(dict.fromkeys(sides.sides)) if sides else (None,)


def _check_step(experiment: Experiment, passes: int, side: int | None) -> None:
    about = experiment.about
    with seeded(0, experiment.device):
        understudy = Understudy.of(experiment, compiled=False)
        (batch,) = understudy.batches(1, experiment.run.batch, side)
        try:
            understudy.learn(batch, passes)
        except torch.OutOfMemoryError:
            raise
        except AtRest as error:  # computed again by the network itself, after the dial had left it
            raise ValueError(str(error)) from error
        except MemoryError:
            raise
        except Exception as error:  # whatever the network, or a part of the method, of somebody else raises
            _check_labels_taken(understudy, batch, passes, error)
            if place_of(error) is None:
                raise
            raise ValueError(
                f"{about['recipe']} cannot train {about['model']['name']} on batches of {len(batch)} images "
                f"{list(batch.x.shape[1:])}: {first_line(error)}. {_remedy(str(error), len(batch), side)}"
            ) from error
        if not experiment.world.divides:
            _check_logits(understudy, batch)
            if passes > 1:
                _check_bounds(understudy, batch)


def _check_bounds(understudy: Understudy, batch: Batch) -> None:
    """Raises ValueError if the network clamps its images: an adversary would stand still at the bounds."""
    model, dial = understudy.model, understudy.experiment.method.dial
    with attacked(model, "eval"):
        f = dial.at(model, dial.lambdas[-1], 1.0, lambda: [batch.x])
        clamps = cut_at_bounds(f, batch.x[:_FEW])
    if clamps:
        raise ValueError(
            f"{understudy.experiment.about['model']['name']} clamps its images, which cuts the gradient off at 0 and "
            "at 1: an adversary would stand still there. Images lie in [0, 1] already: leave the clamp out."
        )


def _check_logits(understudy: Understudy, batch: Batch) -> None:
    """Raises TypeError or ValueError if the network gives no logits, of one image alone, too.

    Probabilities are none: the losses would apply a softmax on top of its own.
    """
    model, dial = understudy.model, understudy.experiment.method.dial
    with attacked(model, "eval"), torch.no_grad():
        f = dial.at(model, dial.lambdas[-1], 1.0, lambda: [batch.x])
        out, _ = [checked_logits(logits_of(f(x)), len(x)) for x in (batch.x[:_FEW], batch.x[:1])]
    if torch.isneginf(out).any():
        check_finite(out)
    if out.min() >= 0 and (out.sum(1) - 1).abs().max() < _ROUNDED:
        raise ValueError(
            f"{understudy.experiment.about['model']['name']} gives probabilities, on which a loss would put a softmax "
            "again. Let it give logits: leave its last softmax out; the classes that it names stay the same."
        )


def _check_labels_taken(understudy: Understudy, batch: Batch, passes: int, error: Exception) -> None:
    """Raises ValueError if it is mixed labels that the method cannot learn from: from class numbers it can."""
    if not batch.y.is_floating_point():
        return
    try:
        understudy.learn(replace(batch, y=hard(batch.y)), passes)
    except Exception:
        return
    name = understudy.experiment.about["recipe"]
    raise ValueError(
        f"{name} does not take mixed labels, probabilities [B, K] ({first_line(error)}). Leave --mixup and --cutmix "
        "out, or let its parts take robustdial.method.objective.hard(view.y) where they need a class."
    ) from error


def _remedy(said: str, batch: int, side: int | None) -> str:
    if "does not require grad" in said or "call numpy()" in said:
        return "Something in it cuts the gradient off (detach, no_grad, a comparison, numpy): let it through."
    if "more than 1 value per channel" in said:
        return f"Its batch norm has one value to take statistics of: give --batch {4 * batch}, or larger images."
    if "derivative" in said:
        return "The method needs a second derivative that this network lacks: choose another --model or recipe."
    if side is not None:
        return "If they are to have one size, give one --size; or choose another --model or recipe."
    return "Choose another --model or recipe."
