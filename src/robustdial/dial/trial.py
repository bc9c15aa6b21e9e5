"""Trying a network on some images: plainly, and with a lambda for each row."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from robustdial.dial.model import Dialed
from robustdial.dial.probe import Failure, run, where
from robustdial.logits import logits_of


def check_example(model: nn.Module, example: Tensor) -> None:
    """Raises ValueError if the network does not run on the images, TypeError if it does not return logits."""
    try:
        logits_of(run(model, example))
    except Failure as failure:
        place = where(failure.name, model.get_submodule(failure.name))
        raise ValueError(
            f"The network does not run on the example {list(example.shape)}: {place} fails ({failure.why}). Give "
            "dial() images that it is built for, or build it for these."
        ) from failure.__cause__


def check_rows(dialed: Dialed, example: Tensor) -> None:
    """Raises ValueError that names a layer in which the rows of a batch cannot have a lambda each."""
    for rows in (2, 3):  # what sees another dimension than the rows may have as many of it once, but not twice
        _check_rows(dialed, example[:1].expand(rows, *example.shape[1:]))


def _check_rows(dialed: Dialed, images: Tensor) -> None:
    for setting in dialed.settings(torch.zeros(len(images), dtype=torch.int64)):
        dialed.dial.turn(setting)
        try:
            run(dialed.body, images)
        except Failure as failure:
            raise ValueError(
                f"This network cannot follow the dial in layer {failure.name!r} ({failure.why}). "
                "Leave it, or the layers in it, out with sites=..."
            ) from failure.__cause__
        finally:
            dialed.dial.turn(None)
