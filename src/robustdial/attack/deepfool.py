"""DeepFool: straight to the nearest border, taken for a plane, again and again until it is crossed."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from robustdial.attack.door import through_door
from robustdial.attack.losses import lead
from robustdial.attack.problem import Problem, eval_mode, images, top_wrong_classes
from robustdial.checks import fields_fit
from robustdial.logits import guarded
from robustdial.method.threat import L0, Ball, Threat
from robustdial.method.threat.base import within_image
from robustdial.typing import Classifier

_TINY = 1e-12  # where there is no gradient, no step is taken


@dataclass(frozen=True)
class DeepFool:
    """The shortest way over a border, if borders are planes: short steps, whatever the radius.

    Each step goes as far as the plane of the nearest rival class, seen from the current image; the sum of the steps,
    a little stretched, is the perturbation. An adversarial image counts if it lies inside the threat's set; elsewhere
    the clean image is returned. In the threat's norm: for Linf, every pixel moves by lead / ||w||_1.
    A module is attacked in evaluation mode and left as it was.
    Source: Moosavi-Dezfooli et al., DeepFool: a simple and accurate method to fool deep neural networks, CVPR 2016,
    algorithm 2; the number of steps and of candidates is that of foolbox.
    Departs from the paper, which knows no [0, 1]: the image is cut to it after every step, and pixels that have come to
    its end take no part in a step beyond.

    Args:
        steps: at most so many.
        candidates: classes that are looked at, the right one among them, in the order of their clean logits.
        overshoot: by how much the sum of the steps is stretched.

    >>> from robustdial.method.threat import Linf
    >>> f = lambda x: torch.cat([x.sum((1, 2, 3))[:, None], torch.full((len(x), 1), 1.7)], dim=1)
    >>> x, y = torch.full((1, 1, 2, 2), 0.5), torch.tensor([0])
    >>> DeepFool()(f, x, y, Linf(0.1)).unique()  # the border is 0.3 / 4 away
    tensor([0.4235])
    >>> DeepFool()(f, x, y, Linf(0.07)).unique()
    tensor([0.5000])
    """

    steps: int = 50
    candidates: int = 10
    overshoot: float = 0.02

    def __post_init__(self) -> None:
        fields_fit(self)
        if self.steps < 1 or self.candidates < 2:
            raise ValueError(
                f"steps={self.steps}, candidates={self.candidates}: an attack needs at least one step and two classes."
            )

    @property
    def name(self) -> str:
        return "deepfool"

    @property
    def where(self) -> str:
        return "Linf, L2 and L1, masked or not"

    def moves_in(self, threat: Threat) -> bool:
        return isinstance(threat, Ball) and not isinstance(threat, L0)

    @through_door
    def __call__(self, f: Classifier, x: Tensor, y: Tensor, threat: Threat) -> Tensor:
        with eval_mode(f):
            z = self.shortest(f, x, y, threat)
        outside = (threat.project(z, x, 1.0) != z).flatten(1).any(1)
        z[outside] = 0
        return images(threat, x, z)

    def shortest(self, f: Classifier, x: Tensor, y: Tensor, threat: Threat) -> Tensor:
        """The perturbations, however long they are. Of `threat` only the norm plays a part."""
        f = guarded(f)
        with torch.no_grad():
            others = top_wrong_classes(f(x), y, self.candidates - 1)
        way, z, rows = torch.zeros_like(x), torch.zeros_like(x), torch.arange(len(x), device=x.device)
        for _ in range(self.steps):
            if not len(rows):
                break
            step, wrong = _to_nearest(f, x[rows], z[rows], y[rows], others[rows], threat)
            going = (~wrong).nonzero().squeeze(1)
            rows, step = rows[going], step[going]
            way[rows] = within_image(way[rows] + step, x[rows])
            z[rows] = within_image((1 + self.overshoot) * way[rows], x[rows])
        return z


def _to_nearest(
    f: Classifier, x: Tensor, z: Tensor, y: Tensor, others: Tensor, threat: Threat
) -> tuple[Tensor, Tensor]:
    """The step from `z` to the nearest border to the classes `others` `[B, K]`; and where `z` is wrong already."""
    # a forward pass for each class, not one for all: a compiled network goes back once only
    places = [Problem(f, threat, lead, x, (y, other)).look(z) for other in others.unbind(1)]
    # where there is no room there is no way
    slopes = [place.gradient * torch.where(place.gradient > 0, x + z < 1, x + z > 0) for place in places]
    zero = torch.zeros_like(z)
    # a steepest step of length 1 gains the dual norm of the slope
    gains = [(slope * threat.ascend(zero, slope, 1.0)).flatten(1).sum(1) for slope in slopes]
    away = [-place.loss / gain.clamp_min(_TINY) for place, gain in zip(places, gains, strict=True)]
    distance, nearest = torch.stack(away).min(0)
    slope = torch.stack(slopes)[nearest, torch.arange(len(z), device=z.device)]
    return threat.ascend(zero, slope, distance), places[0].misclassified
