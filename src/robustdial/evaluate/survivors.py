"""Who is left standing: stage after stage, each attack on the images that no earlier one has broken.

The first stage is the image as it is. Only standing images are attacked, packed anew into full batches at each stage:
a stage costs what stands, not what there is. All that is kept is a few numbers per image, so that images may stream
from a set larger than memory. Whatever is known after a batch is enough to go on from there, and the batches of a
later call are those that an undisturbed one would have had, with the same random numbers.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, fields
from typing import NamedTuple

import torch
from torch import Tensor

from robustdial.attack import Attack, Cascade, Clean, answers, check_supports, margin
from robustdial.attack.base import without_gradients
from robustdial.attack.door import opened
from robustdial.attack.problem import eval_mode
from robustdial.data import Source
from robustdial.evaluate.accuracy import Accuracy, check_inside, chosen_batches
from robustdial.logits import check_in_evaluation, guarded
from robustdial.method.threat import Threat
from robustdial.randomness import seed_of, seeded
from robustdial.typing import Classifier

UNBROKEN = -1


@dataclass(frozen=True)
class Survivors:
    """What is known of `N` images after some of `S` stages; `run_cascade` writes into it.

    Args:
        broken_by: the stage that broke each image, `UNBROKEN` where none has, int16 `[N]`.
        next: the stage that each image has before it, int16 `[N]`.
        lead: how far the right class was ahead of all others at the worst place seen, in logits `[N]`.
        seconds: what each stage has taken, float64 `[S]`.
    """

    broken_by: Tensor
    next: Tensor
    lead: Tensor
    seconds: Tensor

    @staticmethod
    def fresh(images: int, stages: int) -> Survivors:
        """Before the first stage."""
        return Survivors(
            torch.full((images,), UNBROKEN, dtype=torch.int16),
            torch.zeros(images, dtype=torch.int16),
            torch.full((images,), torch.inf, dtype=torch.float32),
            torch.zeros(stages, dtype=torch.float64),
        )

    @staticmethod
    def merged(shards: Sequence[Survivors]) -> Survivors:
        """One out of the shards of a set, where shard k of m has the images k, k + m, k + 2m, ..."""
        images = sum(len(shard.broken_by) for shard in shards)
        whole = Survivors.fresh(images, len(shards[0].seconds))
        for k, shard in enumerate(shards):
            for name in ("broken_by", "next", "lead"):
                getattr(whole, name)[k :: len(shards)] = getattr(shard, name)
            whole.seconds.add_(shard.seconds)
        return whole

    def tensors(self) -> dict[str, Tensor]:
        """By name, as `Survivors(**tensors)` takes them."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    def after(self, stage: int) -> Tensor:
        """Which images stand after a stage, bool `[N]`."""
        return (self.broken_by == UNBROKEN) | (self.broken_by > stage)

    def accuracy(self, stage: int = -1) -> Accuracy:
        """Share of the images that stand after a stage; by default the last."""
        stage = stage % len(self.seconds)
        return Accuracy(int(self.after(stage).sum()), len(self.broken_by))

    def waiting(self, stage: int) -> Tensor:
        """Numbers of the standing images that have a stage before them."""
        return ((self.broken_by == UNBROKEN) & (self.next <= stage)).nonzero().flatten()

    @property
    def standing(self) -> Tensor:
        """Numbers of the images that stand."""
        return (self.broken_by == UNBROKEN).nonzero().flatten()

    @property
    def finished(self) -> bool:
        """Whether every image has fallen or stood through all stages."""
        return not len(self.waiting(len(self.seconds) - 1))


class Advance(NamedTuple):
    """How far a stage has come: `done` of its `of` images, and how many images stand in all."""

    stage: int
    done: int
    of: int
    survivors: int


def attacks_of(attack: Attack, classes: int) -> tuple[Attack, ...]:
    """The images as they are, then the attack, or its attacks in turn, for a network of so many classes."""
    return (Clean(), *(attack.plan(classes) if isinstance(attack, Cascade) else (attack,)))


def run_cascade(
    f: Classifier,
    source: Source,
    stages: Sequence[Attack],
    threat: Threat,
    survivors: Survivors,
    *,
    batch: int = 256,
    seed: int = 0,
    search: Classifier | None = None,
) -> Iterator[Advance]:
    """Take all images through `stages`, from where `survivors` is; yields after each batch.

    Every adversarial image is looked at again: it counts if it lies in the threat's set and in [0, 1], and if the
    network errs on it.

    Args:
        f: the network, images in [0, 1] to logits.
        source: `N` images.
        stages: `attacks_of(attack, classes)`.
        threat: where the adversary may move.
        survivors: what is known already, such as `Survivors.fresh(N, S)`; it is changed in place.
        batch: images to attack at once.
        seed: of random starts; each batch has generators of its own.
        search: what attacks that follow gradients ask instead of `f`, a quicker form of it, say; `f` alone decides
            which images fell. Attacks without gradients live on small differences of logits, and ask `f`.

    Raises:
        ValueError: an attack cannot move in the threat or leaves its set, the network is in training mode or gives no
            logits `[B, K]`.
        FloatingPointError: logits that are not finite.
    """
    for attack in stages:
        check_supports(attack, threat)
    check_in_evaluation(f)
    classes = int(source.labels.max()) + 1
    network = guarded(f, classes)
    quick = network if search is None else guarded(search, classes)
    for stage, attack in enumerate(stages):
        of = int(survivors.after(stage - 1).sum()) if stage else len(survivors.broken_by)
        waiting = survivors.waiting(stage)
        order = torch.split(waiting, batch) if len(waiting) else ()
        for index, (x, y) in zip(order, chosen_batches(source, order), strict=True):
            clock = time.perf_counter()
            asked = network if without_gradients(attack) else quick
            # an attack of somebody else may leave the network in training mode, or gradients in it
            kept = nullcontext() if without_gradients(attack) else eval_mode(asked)
            with opened(asked, x, y) as inside, seeded(seed_of(seed, stage, int(index[0])), x.device), kept:
                adv = attack(*inside, threat)
            check_inside(threat, x, adv, attack)
            logits = answers(network, adv)
            lead, wrong = -margin(logits, y).cpu(), (logits.argmax(1) != y).cpu()
            # `next` last: whoever is interrupted between these lines must not leave a broken image standing
            survivors.broken_by[index[wrong]] = stage
            survivors.lead[index] = torch.minimum(survivors.lead[index], lead)
            survivors.next[index] = stage + 1
            survivors.seconds[stage] += time.perf_counter() - clock
            yield Advance(stage, of - len(survivors.waiting(stage)), of, int((survivors.broken_by == UNBROKEN).sum()))
