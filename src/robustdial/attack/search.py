"""Searches that try perturbations and keep the worst; they need no gradient."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from robustdial.attack.best import Best
from robustdial.attack.door import through_door
from robustdial.attack.losses import margin
from robustdial.attack.problem import eval_mode, images
from robustdial.checks import fields_fit
from robustdial.method.threat import Box, Threat, Warp
from robustdial.typing import Classifier


@dataclass(frozen=True)
class WorstOf:
    """The worst of `tries` random perturbations, for any threat.

    An image is tried until it is classified wrongly; what never falls is returned where its margin was smallest.
    A module is attacked in evaluation mode and left as it was.
    Source: Engstrom et al., Exploring the Landscape of Spatial Robustness, ICML 2019, "worst-of-k" with k = 10.

    Args:
        tries: perturbations of each image, drawn for each by itself.

    >>> from robustdial.method.threat import Linf
    >>> f = lambda x: torch.cat([x.sum((1, 2, 3))[:, None], torch.full((len(x), 1), 1.7)], dim=1)
    >>> x = torch.full((1, 1, 2, 2), 0.5)
    >>> f(WorstOf(100)(f, x, torch.tensor([0]), Linf(0.2))).argmax(1)
    tensor([1])
    """

    gradient_free: ClassVar[bool] = True

    tries: int = 10

    def __post_init__(self) -> None:
        fields_fit(self)
        if self.tries < 1:
            raise ValueError(f"tries={self.tries}: a search needs at least one try.")

    @property
    def name(self) -> str:
        return f"worst-of-{self.tries}"

    @through_door
    def __call__(self, f: Classifier, x: Tensor, y: Tensor, threat: Threat) -> Tensor:
        return _worst(f, x, y, threat, (threat.noise(x, 1.0, 1.0) for _ in range(self.tries)))


@dataclass(frozen=True)
class Grid:
    """The worst of all rotations and translations of a grid, the same for every image.

    Stops and is left as `WorstOf`. The far ends of the grid are tried first: there most images fall.
    Source: Engstrom et al., Exploring the Landscape of Spatial Robustness, ICML 2019: 31 angles and 5 shifts in each
    direction, 775 forward passes for an image that stands.

    Args:
        angles, shifts: values of each, evenly from end to end; odd numbers hold the image as it is.

    Raises:
        TypeError: the threat is not a box of rotations and translations (`spatial`).
    """

    gradient_free: ClassVar[bool] = True

    angles: int = 31
    shifts: int = 5

    def __post_init__(self) -> None:
        fields_fit(self)
        if self.angles < 2 or self.shifts < 2:
            raise ValueError(
                f"angles={self.angles}, shifts={self.shifts}: a grid goes from one end to the other, so it needs at "
                "least two values of each."
            )

    @property
    def name(self) -> str:
        return f"grid-{self.angles}x{self.shifts}x{self.shifts}"

    @property
    def where(self) -> str:
        return "rotations and translations alone"

    def moves_in(self, threat: Threat) -> bool:
        if not (isinstance(threat, Box) and isinstance(threat.decode, Warp)):
            return False
        return threat.decode.skew == 0 == threat.decode.scale

    @through_door
    def __call__(self, f: Classifier, x: Tensor, y: Tensor, threat: Threat) -> Tensor:
        if not self.moves_in(threat):
            raise TypeError(f"The grid is one of {self.where}, not of {threat.name}.")
        angle, shift = (torch.linspace(-1, 1, n) for n in (self.angles, self.shifts))
        points = torch.cartesian_prod(angle, shift, shift).to(x)
        outwards = F.pad(points[points.norm(dim=1).argsort(descending=True, stable=True)], (0, 2))  # no skew, no scale
        return _worst(f, x, y, threat, (point.expand(len(x), -1) for point in outwards))


@torch.no_grad()
def _worst(f: Classifier, x: Tensor, y: Tensor, threat: Threat, candidates: Iterable[Tensor]) -> Tensor:
    """Of each image the candidate with the largest margin, or the first that is taken for something else than `y`."""
    best = Best.before(threat.noise(x, 1.0, 0.0))
    with eval_mode(f):
        for z in candidates:
            standing = best.standing
            if not len(standing):
                break
            logits = f(images(threat, x[standing], z[standing]))
            wrong = logits.argmax(1) != y[standing]
            best.see(standing, z[standing], margin(logits, y[standing]).masked_fill(wrong, torch.inf))
    return images(threat, x, best.z)
