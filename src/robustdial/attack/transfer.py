"""An attack on one network, tried on another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from robustdial.attack.base import Attack
from robustdial.attack.door import through_door
from robustdial.method.threat import Threat
from robustdial.typing import Classifier


@dataclass(frozen=True)
class FromAnother:
    """Adversarial images found on `network`, for a network whose gradient cannot be had or is useless.

    An adversary who attacks the target itself may do better: what is left standing bounds the robustness loosely.
    Source: Papernot et al., Transferability in Machine Learning, 2016.

    Args:
        network: the one to attack; its answers should be like those of the target.
        attack: what to attack it with.

    >>> from robustdial.attack import PGDAttack
    >>> from robustdial.method.threat import Linf
    >>> import torch
    >>> smooth = lambda x: torch.cat([x.sum((1, 2, 3))[:, None], torch.full((len(x), 1), 1.7)], dim=1)
    >>> rounded = lambda x: smooth(x).round(decimals=1)
    >>> x, y = torch.full((1, 1, 2, 2), 0.5), torch.tensor([0])
    >>> adv = FromAnother(smooth, PGDAttack(10))(rounded, x, y, Linf(0.1))
    >>> rounded(x).argmax(1).item(), rounded(adv).argmax(1).item()
    (0, 1)
    """

    gradient_free: ClassVar[bool] = True  # of the network that is measured

    network: Classifier
    attack: Attack

    @property
    def name(self) -> str:
        return f"{self.attack.name} on another network"

    @through_door
    def __call__(self, f: Classifier, x: Tensor, y: Tensor, threat: Threat) -> Tensor:
        return self.attack(self.network, x, y, threat)
