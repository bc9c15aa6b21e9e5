"""Whether a file computes what the dialed network computes."""

from __future__ import annotations

import io
import logging
import math
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from pathlib import Path
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from robustdial import record
from robustdial.logits import first_line, place_of
from robustdial.ship.export.base import Format
from robustdial.ship.export.facts import Facts
from robustdial.typing import Classifier


class Parity(NamedTuple):
    """How far the logits of two networks are apart on the same images."""

    difference: float
    """Largest absolute difference of two logits."""
    scale: float
    """Largest absolute logit, at least 1."""
    agree: int
    """Images given the same class by both."""
    n: int
    """Images."""

    @property
    def share(self) -> float:
        """The difference as a share of the scale."""
        return self.difference / self.scale


@torch.no_grad()
def compare(f: Classifier, reference: Classifier, x: Tensor) -> Parity:
    """Both networks on images `[N, C, H, W]`; `f` sees batches of one, of seven and of the rest.

    >>> compare(lambda x: x, lambda x: x + 0.5, torch.tensor([[0.0, 1.0]] * 9))
    Parity(difference=0.5, scale=1.5, agree=9, n=9)
    """
    wanted = reference(x.clone()).cpu()  # a network may write into its input
    found = torch.cat([f(part.clone()).cpu() for part in (x[:1], x[1:8], x[8:]) if len(part)])
    difference = float((found - wanted).abs().max())
    scale = max(1.0, float(wanted.abs().max()))
    return Parity(difference, scale, int((found.argmax(1) == wanted.argmax(1)).sum()), len(x))


def write_checked(
    format: Format, plain: nn.Module, facts: Facts, path: Path, images: Tensor, reference: Classifier, x: Tensor
) -> Parity:
    """Write `plain` to `path`, read it back, and compare it with `reference` on the images `x`.

    Two float32 programs for one network differ by rounding, as their sums run in different orders: some 1e-6 of the
    scale of the logits for networks of twenty layers. The tolerance of a format, 1e-4, leaves room for deeper ones and
    is far below what a wrong weight or layer would do.

    Raises:
        ValueError: they differ by more than the format's tolerance, or the format does not take the network. What was
            at `path`, and beside it, is as it was.
    """
    with record.staged(path.parent) as stage:
        made = stage / path.name
        with record.named(path), _taking(plain, path):
            format.write(plain, images, facts, made)
            parity = compare(format.open(made), reference, x)
        if format.tolerance is not None and parity.share > format.tolerance:
            _check_reference(reference, x, format.tolerance * parity.scale, path)
        _check(parity, format.tolerance, path)
        beside = sorted(other.name for other in stage.iterdir() if other != made)
        record.put_in_place(stage, path.parent, [*beside, path.name])
    return parity


@torch.no_grad()
def _check_reference(reference: Classifier, x: Tensor, tolerance: float, path: Path) -> None:
    """Raises ValueError if it is the network itself that does not answer twice alike."""
    first, again, alone = reference(x.clone()), reference(x.clone()), reference(x[:1].clone())
    if float((again - first).abs().max()) > tolerance:
        raise ValueError(
            f"{path.name} was refused: the network answers the same images differently each time, so that a file "
            "cannot be compared with it. Leave the random part out of it, or let it be of training alone."
        )
    if float((alone - first[:1]).abs().max()) > tolerance:
        raise ValueError(
            f"{path.name} was refused: the network answers an image differently where others stand beside it, so that "
            "a file cannot be compared with it. Let each row of a batch depend on itself alone."
        )


@contextmanager
def _unlogged(name: str) -> Iterator[None]:
    """Inside, what a logger would show is not shown."""
    handlers = [*logging.getLogger(name).handlers]
    for handler in handlers:
        handler.addFilter(_nothing)
    try:
        yield
    finally:
        for handler in handlers:
            handler.removeFilter(_nothing)


def _nothing(record: logging.LogRecord) -> bool:
    return False


@contextmanager
def _taking(plain: nn.Module, path: Path) -> Iterator[None]:
    """Inside, what an exporter, or a file read back, says of a network that it cannot follow becomes one line."""
    try:
        with redirect_stderr(io.StringIO()), _unlogged("torch"):  # graphs of many lines, before the error that is told
            yield
    except (OSError, MemoryError):
        raise
    except Exception as error:  # exporters raise whatever the tracer, the network or a converter raises
        if place_of(error) is None:
            raise
        first = error
        while first.__cause__ is not None:  # the last error of a chain speaks of the exporter, the first of the network
            first = cast(Exception, first.__cause__)
        raise ValueError(
            f"{path.name} cannot be written: {type(plain).__name__} has something that this format does not take"
            f"{place_of(first) or ''}: {first_line(first)}. Choose another --format, or change that in its forward: "
            "no branch on a value, no loop over images, no rare operation."
        ) from error


def _check(parity: Parity, tolerance: float | None, path: Path) -> None:
    if not math.isfinite(parity.difference):
        raise ValueError(
            f"{path.name} was refused: its logits are not finite (NaN or infinity). Check the weights of the run."
        )
    if tolerance is not None and not parity.share <= tolerance:
        raise ValueError(
            f"{path.name} was refused: read back, its logits differ from those of the dialed network by "
            f"{parity.difference:.2g} at a scale of {parity.scale:.2g}; {tolerance:g} of it would be rounding. "
            "Choose another --format."
        )
