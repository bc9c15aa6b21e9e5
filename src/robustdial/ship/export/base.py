"""What a file format is, and how to get at the packages that it needs."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from robustdial.ship.export.facts import Facts
from robustdial.typing import Classifier

IMAGES, LOGITS = "images", "logits"
"""Names of input and output where a format has names."""


class Format(Protocol):
    """A way to keep a plain network in one file."""

    @property
    def file(self) -> str:
        """Customary name of the file."""
        ...

    @property
    def tolerance(self) -> float | None:
        """Largest difference of logits, as a share of their scale, that is rounding; None where the file is another
        network, which must be measured on its own."""
        ...

    def write(self, plain: nn.Module, images: Tensor, facts: Facts, path: Path) -> None:
        """Write `plain`, a network on the CPU in evaluation mode.

        Args:
            plain: the network.
            images: images `[N, C, H, W]` to trace it with, or of the training set to calibrate it with.
            facts: what the file is to say of it.
            path: of the file, in a folder of its own; it may have any name, and others may be written beside it.
        """
        ...

    def open(self, path: Path) -> Classifier:
        """What the file computes: images `[B, C, H, W]` to logits, on the CPU, for any B."""
        ...

    def lines(self, file: str, facts: Facts) -> str:
        """The Python that makes `logits` of `images` (a float32 tensor on the CPU) from the file."""
        ...


def example(images: Tensor) -> tuple[Tensor]:
    """What a network is traced with: two images, for a batch of one would be taken for a constant."""
    return (images[:1].expand(2, *images.shape[1:]),)


def any_batch() -> tuple[dict[int, Any]]:
    """That the number of images is free."""
    return ({0: torch.export.Dim("batch")},)


def need(module: str, extra: str = "export") -> Any:
    """An optional package. Raises ValueError with the line that installs it."""
    try:
        return import_module(module)
    except ImportError:
        raise ValueError(
            f"This needs {module.partition('.')[0]}. Install it with: pip install 'robustdial[{extra}]'"
        ) from None
