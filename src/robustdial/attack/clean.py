"""No attack at all: the first stage of every evaluation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from robustdial.attack.door import through_door
from robustdial.method.threat import Threat
from robustdial.typing import Classifier


@dataclass(frozen=True)
class Clean:
    """The images as they are."""

    gradient_free: ClassVar[bool] = True

    @property
    def name(self) -> str:
        return "clean"

    @through_door
    def __call__(self, f: Classifier, x: Tensor, y: Tensor, threat: Threat) -> Tensor:
        return x
