"""An attack of the user's, in a file of theirs."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from robustdial.attack.base import Attack
from robustdial.method.threat import Threat
from robustdial.own_code import absolute, digest_of, own, told
from robustdial.typing import Classifier


@dataclass(frozen=True)
class Own:
    """What stands at a place: a function of network, images, labels and threat, or a class of such objects.

    Args:
        title: its name in reports.
        digest: of its file, so that numbers of another version of it are not taken for those of this one.
        place: where it stands.
        attack: itself.
    """

    title: str
    digest: str
    place: str = field(repr=False)
    attack: Any = field(repr=False)

    @property
    def name(self) -> str:
        return self.title

    def __call__(self, f: Classifier, x: Tensor, y: Tensor, threat: Threat) -> Tensor:
        with told(f"--attack {self.place}"):
            found: Tensor = self.attack(f, x, y, threat)
        return found


def own_attack(place: str) -> Attack:
    """The attack at a place; a class is made without arguments. Raises ValueError if it cannot be had."""
    found = own(place, "--attack")
    with told(f"--attack {place}"):
        attack = found() if inspect.isclass(found) else found
        title = str(getattr(attack, "name", getattr(attack, "__name__", type(attack).__name__)))
    if not callable(attack):
        raise ValueError(f"--attack {place} gives {type(attack).__name__}, which cannot be called. Give it __call__.")
    return Own(title, digest_of(place), absolute(place), attack)
