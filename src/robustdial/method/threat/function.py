"""A function of one's own as a decoder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from robustdial.bounds import clipped
from robustdial.method.threat.attribute import Attribute


@dataclass(frozen=True)
class Function:
    """What a differentiable function makes of images and attributes.

    Args:
        g: images `[B, C, H, W]` in [0, 1] and attributes `[B, D]` to images; the images themselves for zeros. What
            leaves [0, 1] is cut off.
        names: of the attributes.
        lows: smallest value of each, -1 or 0; -1 for all by default.

    >>> import torch
    >>> fog = Function(lambda x, z: torch.lerp(x, torch.ones_like(x), 0.5 * z[:, :1, None, None]), ("fog",), (0.0,))
    >>> fog(torch.zeros(1, 1, 1, 2), torch.tensor([[1.0]])).flatten()
    tensor([0.5000, 0.5000])
    """

    g: Callable[[Tensor, Tensor], Tensor]
    names: tuple[str, ...]
    lows: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if not self.names or len(self.lows) not in (0, len(self.names)) or not {*self.lows} <= {-1.0, 0.0}:
            raise ValueError(
                f"names={self.names}, lows={self.lows}: name at least one attribute, and give as many lows as names, "
                "each -1 or 0 (where the attribute goes one way only)."
            )

    @property
    def name(self) -> str:
        return "+".join(self.names)

    @property
    def attributes(self) -> tuple[Attribute, ...]:
        return tuple(map(Attribute, self.names, self.lows or (-1.0,) * len(self.names)))

    def __call__(self, x: Tensor, z: Tensor) -> Tensor:
        return clipped(self.g(x, z))
