"""Seeing a training fail before a night is lost: cheap signals after each epoch, and what they mean.

Adversarial training fails in ways that its own statistics do not show. In catastrophic overfitting the network is
right against the adversary it trains with and wrong against any other, while the training accuracy rises and the loss
falls; the magnitude rule of M+ does not notice it either. What shows it is a second, stronger adversary on a few
held-out images.

`look` takes the signals, on some 50 to 250 held-out images, for about 9 passes over each: under 3 % of an epoch of
two passes or more, on 7,000 images or more (on fewer, the probe stays at 32). `diagnose` is a pure function of the
epochs' records. What follows is the caller's choice; `recovered` says what to change after a return to the last healthy
state.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

import torch
from torch import Tensor, nn

from robustdial.checks import checked
from robustdial.data import Batch
from robustdial.distributed import ALONE, Shard, World, sharded
from robustdial.logits import guarded
from robustdial.method.modes import attacked
from robustdial.method.objective.base import cross_entropy, hard
from robustdial.method.objective.gradalign import cosines
from robustdial.method.threat import Ball, Threat, settled
from robustdial.training.engine import Recovery
from robustdial.typing import Json

STEPS = 7
"""Steps of the stronger adversary, each a quarter of the radius."""


class Trouble(StrEnum):
    """What can be wrong with a training."""

    NOT_FINITE = "a loss that is not finite"
    FALLEN = "collapse of a part of the dial"
    COLLAPSE = "collapse to one class"
    CATASTROPHIC = "catastrophic overfitting"
    ROBUST = "robust overfitting"
    STUCK = "no learning"


class Signals(NamedTuple):
    """What is seen of a network on held-out images; shares of the images, except `linearity`.

    Attributes:
        clean: right answers.
        one_step: right answers under one step over the whole radius, from the clean image.
        many_steps: right answers under several short steps, from a random start.
        linearity: mean cosine between the gradients of the loss at an image and at a random point of its set; near 1
            where the loss is linear, near 0 where one step is no longer an adversary; 1 where the set is no ball.
        top: share of the class that is answered most.
        n: images.
    """

    clean: float
    one_step: float
    many_steps: float
    linearity: float
    top: float
    n: int


def probe_size(images: int) -> int:
    """How many held-out images to look at for a training set of `images`, so that looking stays cheap.

    >>> probe_size(1_000), probe_size(9_000), probe_size(45_000)
    (32, 50, 250)
    """
    return min(256, max(32, images // 180))


@checked
def look(
    f: nn.Module, x: Tensor, y: Tensor, threat: Threat, world: World = ALONE, shard: Shard | None = None
) -> Signals:
    """Take the signals of a network on held-out images `[B, C, H, W]` with labels `[B]`, in evaluation mode.

    The gradients at the image and at the random start serve both the linearity and the two adversaries. Of several
    processes each looks at its `shard` of the images, and the signals are those of all.

    Raises TypeError or ValueError for images or labels that are none of a batch (`Batch`).
    """
    place = Shard(len(x)) if shard is None else shard
    x, y = (batch := Batch(x, y)).x, hard(batch.y)
    labels = int(y.max()) + 1 if len(y) else 0
    flat, threat, asked = isinstance(threat, Ball), settled(threat, x), guarded(f, labels)

    def seen(z: Tensor) -> tuple[Tensor, Tensor]:
        z = z.detach().requires_grad_()
        with torch.enable_grad():
            logits = asked(threat.apply(x, z))
            (gradient,) = torch.autograd.grad(cross_entropy(logits, y).sum(), z)
        return gradient, logits.detach()

    def stepped(z: Tensor, gradient: Tensor, size: float) -> Tensor:
        return threat.project(threat.ascend(z, gradient, size * threat.radius), x, 1.0)

    with attacked(f, "eval"), sharded(place):
        origin, z = threat.noise(x, 1.0, 0.0), threat.noise(x, 1.0, 1.0)
        straight, clean = seen(origin)
        bent, _ = seen(z)
        # where attributes or codes move, the loss bends by itself: a healthy network shows no cosine near 1
        linear = cosines(straight, bent) if flat else x.new_ones(len(x))
        z = stepped(z, bent, 0.25)
        for _ in range(STEPS - 1):
            z = stepped(z, seen(z)[0], 0.25)
        with torch.no_grad():
            one, many = (asked(threat.apply(x, end)) for end in (stepped(origin, straight, 1.0), z))
    answers = clean.argmax(1)
    right = answers == y
    seen_here = torch.stack([right, *(right & (end.argmax(1) == y) for end in (one, many)), linear]).sum(1)
    clean_share, one_share, many_share, linearity = (world.sum(seen_here) / place.of).tolist()
    if not math.isfinite(linearity):
        raise FloatingPointError("The gradient of the loss on held-out images is not finite (NaN or infinity).")
    top = float(world.sum(answers.bincount(minlength=clean.shape[1])).max()) / place.of
    return Signals(clean_share, one_share, many_share, linearity, top, place.of)


@checked
def diagnose(
    epochs: Sequence[Mapping[str, Json]], classes: int, *, begun: bool = False, ended: bool = False
) -> Trouble | None:
    """What is wrong after the last of these epochs, if anything.

    Args:
        epochs: records of all epochs so far, each with `loss`, `passes`, `clean`, `adv`, `images`, `health`
            (`Signals` as a dict) and, for robust overfitting, `val` (a list of points with `robust` or None), for a
            dial `along` (a list of `lam`, `clean` and `n`, one for each trained position).
        classes: number of classes.
        begun: whether the training began from a trained network, so that every position has known better.
        ended: whether no epoch follows, in which a collapse to one class could pass.
    """
    if not epochs:
        raise ValueError("There are no epochs to judge. Give the records of at least one.")
    now = epochs[-1]
    if not math.isfinite(now["loss"]):
        return Trouble.NOT_FINITE
    signals = [epoch["health"] for epoch in epochs]
    if _fallen([epoch.get("along") or [] for epoch in epochs], begun):
        return Trouble.FALLEN
    # where weights learn fast, running statistics lag behind them, and all answers are one for an epoch
    if _collapsed(signals) and (ended or _collapsed(signals[:-1])):
        return Trouble.COLLAPSE
    if _catastrophic(epochs):
        return Trouble.CATASTROPHIC
    if _stuck(epochs, classes):
        return Trouble.STUCK
    return Trouble.ROBUST if _robust_overfitting(epochs) else None


def _fallen(looks: Sequence[Sequence[Mapping[str, float]]], begun: bool) -> bool:
    """A position has lost half of what it knew, and is not half as good as the best one is now.

    Where every position learns more slowly than another, none has known better yet. A radius that leaves something of
    an image takes a third of the clean accuracy at the most, in the runs of the log.
    """
    now = looks[-1]
    near = max((point["clean"] for point in now), default=0.0)
    for point in now:
        known = [other["clean"] for look in looks for other in look if other["lam"] == point["lam"]]
        best = max([*known, near * begun])
        if point["clean"] <= min(best, near) / 2 and best - point["clean"] >= max(0.2, _chance(point["n"])):
            return True
    return False


def _collapsed(signals: Sequence[Mapping[str, float]]) -> bool:
    """One answer for nearly everything, of a network that has known better; one that has not is still learning."""
    now = signals[-1]
    return now["top"] >= 0.95 and max(s["clean"] for s in signals) >= now["clean"] + max(0.1, _chance(now["n"]))


def _catastrophic(epochs: Sequence[Mapping[str, Json]]) -> bool:
    """Robustness against many steps is lost while one step is survived; or it never came, and the loss is crooked.

    An epoch of a single pass has no adversary to overfit to. A network that is robust is nearly linear in the set
    (cosines above 0.9 from the second epoch on in the healthy runs of the log), one that overfits is not (0.1 to 0.4).
    """
    if len(epochs) < 2 or epochs[-1]["passes"] < 2:
        return False
    now, best = epochs[-1]["health"], max(epoch["health"]["many_steps"] for epoch in epochs)
    many, trained = now["many_steps"], max(epochs[-1].get("adv") or 0.0, now["one_step"])
    gap = now["one_step"] - many >= max(0.2, _chance(now["n"]))
    lost = len(epochs) > 2 and gap and many <= best / 2
    crooked = now["linearity"] < 0.5 and trained - many >= 0.15 and many <= trained / 4
    return bool(lost or crooked)


def _stuck(epochs: Sequence[Mapping[str, Json]], classes: int) -> bool:
    """Five epochs, and no better than always giving the same answer: on the few held-out images of the probe, and on
    all training images, which tell sooner that something is learned."""
    signals, now, chance = [epoch["health"] for epoch in epochs], epochs[-1], 1 / classes

    def beyond(accuracy: float, n: int) -> bool:
        return accuracy > chance + 2 * math.sqrt(chance * (1 - chance) / n)

    if len(epochs) < 5 or any(beyond(signal["clean"], signal["n"]) for signal in signals):
        return False
    trained = [now[side] for side in ("clean", "adv") if now.get(side) is not None]
    return not any(beyond(accuracy, now.get("images") or signals[-1]["n"]) for accuracy in trained)


def _robust_overfitting(epochs: Sequence[Mapping[str, Json]]) -> bool:
    """Robust accuracy has fallen well below its best on held-out images while it rose on the training images.

    Epochs of a single pass have no adversary: what is lost there was not trained.
    """
    if epochs[-1]["passes"] < 2:
        return False
    epochs = [epoch for epoch in epochs if epoch["passes"] > 1]
    points = [max(epoch.get("val") or [{}], key=lambda p: p.get("robust") or 0.0) for epoch in epochs]
    held_out = [point.get("robust") or 0.0 for point in points]
    best = max(range(len(held_out)), key=held_out.__getitem__)
    risen = (epochs[-1].get("adv") or 0.0) > (epochs[best].get("adv") or 0.0) + 0.1
    return risen and held_out[-1] < held_out[best] - max(0.08, _chance(points[-1].get("n") or 1))


def _chance(n: float) -> float:
    """How far two shares of `n` images may lie apart by chance: two standard deviations, at the most."""
    return 2 * math.sqrt(0.5 / n)


RETURNS = 4
"""How often a training is rolled back before it is given up."""


def recovered(recovery: Recovery, trouble: Trouble) -> Recovery:
    """What to change after `trouble`: more and shorter steps of the adversary against catastrophic overfitting, smaller
    steps of the weights against everything else.

    >>> recovered(Recovery(), Trouble.CATASTROPHIC)
    Recovery(passes=1, step_scale=0.5, lr=1.0, returns=1)
    >>> recovered(Recovery(), Trouble.NOT_FINITE)
    Recovery(passes=0, step_scale=1.0, lr=0.5, returns=1)
    """
    returns = recovery.returns + 1
    if trouble is Trouble.CATASTROPHIC:
        return recovery._replace(passes=recovery.passes + 1, step_scale=recovery.step_scale / 2, returns=returns)
    return recovery._replace(lr=recovery.lr / 2, returns=returns)
