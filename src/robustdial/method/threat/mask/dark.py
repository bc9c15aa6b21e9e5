"""The background is black."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from robustdial.checks import fields_fit


@dataclass(frozen=True)
class Dark:
    """Pixels that are black in every channel. Of handwritten digits this is the background, exactly.

    Args:
        threshold: brightest value that counts as black; 0.1 where compression has left traces.

    >>> import torch
    >>> Dark()(torch.tensor([0.0, 0.2, 0.0]).reshape(1, 1, 1, 3)).flatten()
    tensor([1., 0., 1.])
    """

    threshold: float = 0.0

    def __post_init__(self) -> None:
        fields_fit(self)
        if not 0 <= self.threshold < 1:
            raise ValueError(f"threshold={self.threshold:g} is no bound of black. Give 0, or a little more, below 1.")

    def __call__(self, x: Tensor) -> Tensor:
        return (x.amax(1, keepdim=True) <= self.threshold).to(x)
