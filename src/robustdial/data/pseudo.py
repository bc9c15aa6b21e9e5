"""Pseudo-labels: what a teacher takes unlabelled images for."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from robustdial.checks import checked
from robustdial.data import Data, Relabelled, unit
from robustdial.logits import evaluation, guarded
from robustdial.precision import Prepared, full_precision

BATCH = 256


@checked
def pseudo_labelled(data: Data, teacher: nn.Module) -> Data:
    """Data whose unlabelled images have the labels that `teacher` gives them, each its likeliest class.

    The teacher is asked once, in evaluation mode and in float32, without augmentation. For any labels of your own, set
    `data.unlabelled` yourself: `replace(data, unlabelled=Relabelled(source, labels))`.

    Args:
        data: with an unlabelled part, on the device of the teacher.
        teacher: images `[B, C, H, W]` in [0, 1] to logits `[B, K]`, one for each class of `data`.

    Raises ValueError if there is no unlabelled part, or the teacher knows other classes.
    """
    if data.unlabelled is None:
        raise ValueError("There are no unlabelled images to label. Give load labelled= or unlabelled=.")
    return replace(data, unlabelled=Relabelled(data.unlabelled, predict_labels(data, teacher)))


@torch.no_grad()
def predict_labels(data: Data, teacher: nn.Module) -> Tensor:
    """The class of each unlabelled image, int64 `[N]` on the CPU, as `pseudo_labelled` gives it."""
    assert data.unlabelled is not None
    order = list(torch.split(torch.arange(len(data.unlabelled)), BATCH))
    f, found = guarded(Prepared(teacher, "float32")), []
    with evaluation(teacher), full_precision():
        for x, _ in data.unlabelled.batches(order):
            logits = f(unit(x))
            if logits.shape[1] != len(data.classes):
                raise ValueError(
                    f"The teacher answers {list(logits.shape)} for {len(x)} images, but there are {len(data.classes)} "
                    "classes. Give one that was trained on the same classes."
                )
            found.append(logits.argmax(1).cpu())
    return torch.cat(found)
