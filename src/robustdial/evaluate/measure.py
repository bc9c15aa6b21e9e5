"""Clean and robust accuracy in one call."""

from __future__ import annotations

import inspect
from contextlib import nullcontext
from typing import cast

import torch

from robustdial.attack import Attack, answers, parse
from robustdial.attack.door import check_network, check_threat
from robustdial.bounds import JustInside, cut_at_bounds
from robustdial.checks import checked, said, whole
from robustdial.data import Source, check_part
from robustdial.evaluate.accuracy import Accuracy, Measured, image_batches, right
from robustdial.evaluate.survivors import Survivors, attacks_of, run_cascade
from robustdial.logits import check_in_evaluation, guarded, none_in_training
from robustdial.method.threat import Threat, balls_of
from robustdial.typing import Classifier

_FEW = 8  # images on which the bounds are looked at


@torch.inference_mode(False)
def measure(f: Classifier, source: Source, attack: Attack | str, threat: Threat, batch: int = 256) -> Measured:
    """Clean accuracy, and accuracy under attack, over all images of `source`.

    An image is robust if it is classified rightly both clean and attacked; only rightly classified images are attacked.
    In a union of balls it must stand in every one of them; those that one has broken are not attacked in the next.
    Random starts follow from the state of torch's generator. A network that hides its gradient looks too robust here:
    `robustdial.evaluate.check.examine` tells.

    Args:
        f: images in [0, 1] to logits; a module is in evaluation mode. It is asked on copies of the images; one that
            clamps them is asked `JustInside` of [0, 1], where it has a gradient.
        source: the images, such as `data.test`.
        attack: one, or its name, such as "pgd-20".
        threat: where the adversary may move.
        batch: images at a time.

    Raises:
        ValueError: `f` is a module in training mode (its answers would depend on the batch), it fails, its logits are
            not `[B, K]`, a label has none, there are no images, or the attack cannot move in the threat or
            leaves its set.
        TypeError: something else than images, an attack, a threat or a network was given.
        FloatingPointError: its logits are not finite.
    """
    check_threat(threat)
    first, *others = balls_of(threat)
    survivors = survivors_of(f, source, attack, first, batch)
    left = survivors.standing
    for ball in others:
        if len(left):
            left = left[survivors_of(f, source.subset(left), attack, ball, batch).standing]
    return Measured(survivors.accuracy(0), Accuracy(len(left), len(source)))


@torch.inference_mode(False)
def survivors_of(f: Classifier, source: Source, attack: Attack | str, threat: Threat, batch: int = 256) -> Survivors:
    """What `measure` finds of each image. Arguments and errors as there."""
    check_network(f)
    check_part(source)
    check_threat(threat)
    whole("batch", batch, least=1)
    stages = attacks_of(attack_of(attack), classes_of(f, source))
    few = min(_FEW, len(source))
    x, _ = next(image_batches(source.subset(torch.arange(few)), few))
    f = JustInside(f) if cut_at_bounds(f, x) else f
    survivors, seed = Survivors.fresh(len(source), len(stages)), int(torch.randint(2**31, ()))
    for _ in run_cascade(f, source, stages, threat, survivors, batch=batch, seed=seed):
        pass
    return survivors


def attack_of(attack: object) -> Attack:
    """An attack, or that of a name. Raises TypeError for anything else, ValueError for an unknown name."""
    if isinstance(attack, str):
        return parse(attack)
    if isinstance(attack, type) or not callable(attack) or not hasattr(attack, "name"):
        hint = " A function of yours needs a name: f.name = 'mine'." * inspect.isfunction(attack)
        raise TypeError(
            f"attack={said(attack)} is no attack. Give a name such as 'pgd-20', or an object: PGDAttack(20).{hint}"
        )
    return cast(Attack, attack)


@checked
def clean_accuracy(f: Classifier, source: Source, batch: int = 256) -> Accuracy:
    """Accuracy on the images as they are. Raises as `measure` does."""
    check_network(f)
    check_part(source)
    whole("batch", batch, least=1)
    check_in_evaluation(f)
    correct = 0
    for number, (x, y) in enumerate(image_batches(source, batch)):
        with nullcontext() if number else none_in_training(f):
            correct += int(right(f, x, y).sum())
            check_in_evaluation(f)  # a forward may switch modes
    return Accuracy(correct, len(source))


def classes_of(f: Classifier, source: Source) -> int:
    """How many classes the network tells apart. Raises as `measure` does."""
    check_in_evaluation(f)
    x, _ = next(image_batches(source.subset(torch.zeros(1, dtype=torch.int64)), 1))
    with none_in_training(f):
        return answers(guarded(f, int(source.labels.max()) + 1), x).shape[1]
