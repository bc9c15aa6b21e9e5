"""What a batch, a network and an optimizer must be for anything to be learned, looked at before it is."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from robustdial.data import Batch
from robustdial.logits import first_line, in_training, misfit
from robustdial.typing import Classifier


def check_learns(model: nn.Module, optimizer: torch.optim.Optimizer, teacher: Classifier | None) -> None:
    """Raises ValueError where the weights would stand still, or the teacher answers as it does in training."""
    if not torch.is_grad_enabled():
        raise ValueError(
            "Gradients are switched off here (torch.no_grad or torch.inference_mode), and nothing is learned without. "
            "Train outside of it."
        )
    learning = {id(weight) for weight in model.parameters() if weight.requires_grad}
    if not learning:
        raise ValueError("All weights of the network are frozen. Call requires_grad_() on those that are to learn.")
    if not any(id(weight) in learning for group in optimizer.param_groups for weight in group["params"]):
        raise ValueError(
            "The optimizer has none of the weights that are to learn, so they would never move. Make it of "
            "model.parameters() after dial(), which copies the network."
        )
    if isinstance(teacher, nn.Module) and in_training(teacher):
        raise ValueError("The teacher is in training mode: its answers depend on the batch. Call teacher.eval() first.")


def check_steps(optimizer: torch.optim.Optimizer) -> None:
    """Raises TypeError for an optimizer that asks for the loss again while it steps."""
    closure = inspect.signature(optimizer.step).parameters.get("closure")
    if closure is not None and closure.default is inspect.Parameter.empty:
        raise TypeError(
            f"{type(optimizer).__name__} steps with a closure only, and a batch is played once. Give an optimizer that "
            "steps by itself, such as optimizer_for(model, lr=0.1)."
        )


def check_divides(processes: int, accumulate: int, batch: int) -> None:
    """Raise ValueError unless so many processes, each in so many parts, can play batches of this size."""
    if accumulate < 1:
        raise ValueError(f"--accumulate {accumulate} leaves no part of a batch to play. Give 1 or more.")
    if batch % (processes * accumulate):
        several = f" on {processes} processes" if processes > 1 else ""
        parts = f" in {accumulate} parts" if accumulate > 1 else ""
        fits = max(batch // (processes * accumulate), 1) * processes * accumulate
        raise ValueError(
            f"A batch of {batch} images{several}{parts} leaves some with fewer. Give {fits} images, or another number "
            f"that they divide (as --batch {fits})."
        )


@contextmanager
def told(model: nn.Module, batch: Batch) -> Iterator[None]:
    """Inside, what PyTorch says of images or labels that do not fit the network becomes one line with a remedy."""
    try:
        yield
    except torch.OutOfMemoryError:
        raise
    except IndexError as error:
        if not str(error).startswith("Target"):  # of the cross-entropy
            raise
        raise ValueError(
            f"The labels go up to {int(batch.y.max())}, and the network has fewer logits ({error}). Number the classes "
            "from 0, or build the network with more."
        ) from error
    except (RuntimeError, ValueError) as error:
        cause: BaseException = error
        while cause.__cause__ is not None:
            cause = cause.__cause__
        remedy = misfit(model, batch.x)
        if remedy is None or not isinstance(cause, RuntimeError):
            raise
        raise ValueError(f"The network fails on images {list(batch.x.shape)}: {first_line(cause)}. {remedy}") from error
