"""The other pixels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from robustdial.checks import fields_fit


@dataclass(frozen=True)
class Rest:
    """What a mask leaves out: the foreground, if it is one of the background.

    >>> import torch
    >>> from robustdial.method.threat.mask.dark import Dark
    >>> Rest(Dark())(torch.tensor([0.0, 0.2, 0.0]).reshape(1, 1, 1, 3)).flatten()
    tensor([0., 1., 0.])
    """

    mask: Callable[[Tensor], Tensor]

    def __post_init__(self) -> None:
        fields_fit(self)

    def __call__(self, x: Tensor) -> Tensor:
        return 1 - self.mask(x)
