"""Clean and robust accuracy in one call."""

from __future__ import annotations

import torch

from robustdial.attack import Attack, answers
from robustdial.data import Source
from robustdial.evaluate.accuracy import Accuracy, Measured, check_mode, image_batches, right
from robustdial.evaluate.survivors import Survivors, attacks_of, run_cascade
from robustdial.method.threat import Threat
from robustdial.typing import Classifier


def measure(f: Classifier, source: Source, attack: Attack, threat: Threat, batch: int = 256) -> Measured:
    """Clean accuracy, and accuracy under attack, over all images of `source`.

    An image is robust if it is classified rightly both clean and attacked; only rightly classified images are attacked.
    Random starts follow from the state of torch's generator.

    Raises:
        ValueError: `f` is a module in training mode (its answers would depend on the batch), its logits are not `[B,
            K]`, or the attack leaves its set.
        FloatingPointError: its logits are not finite.
    """
    stages = attacks_of(attack, classes_of(f, source))
    survivors, seed = Survivors.fresh(len(source), len(stages)), int(torch.randint(2**31, ()))
    for _ in run_cascade(f, source, stages, threat, survivors, batch=batch, seed=seed):
        pass
    return Measured(survivors.accuracy(0), survivors.accuracy())


def clean_accuracy(f: Classifier, source: Source, batch: int = 256) -> Accuracy:
    """Accuracy on the images as they are. Raises as `measure` does."""
    check_mode(f)
    return Accuracy(sum(int(right(f, x, y).sum()) for x, y in image_batches(source, batch)), len(source))


def classes_of(f: Classifier, source: Source) -> int:
    """How many classes the network tells apart. Raises as `measure` does."""
    check_mode(f)
    x, _ = next(image_batches(source.subset(torch.zeros(1, dtype=torch.int64)), 1))
    return answers(f, x).shape[1]
