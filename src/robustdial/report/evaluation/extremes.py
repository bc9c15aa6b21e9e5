"""The images that fell most easily and those that stand most firmly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from robustdial.report.pictures import Column, Gallery, gallery

SIDES = {"easy": "Fell most easily", "hard": "Stand most firmly"}
ATTACKED = ("adv", "pred_clean", "pred_adv", "conf_clean", "conf_adv")


@dataclass(frozen=True)
class Extreme:
    """One end: its title and its images."""

    title: str
    gallery: Gallery

    @property
    def columns(self) -> list[Column]:
        """Its images."""
        return self.gallery.panels[0].columns


def extremes_of(tensors: dict[str, Tensor], classes: Sequence[str]) -> list[Extreme]:
    """Both ends of an evaluation, as far as they are there: of a network that nothing breaks there is only one."""
    found = {title: _side(tensors, f"{side}/") for side, title in SIDES.items()}
    return [Extreme(title, _pictured(side, classes)) for title, side in found.items() if side]


def _side(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _pictured(found: dict[str, Tensor], classes: Sequence[str]) -> Gallery:
    """A gallery of one panel, where each image has its number and its lead beside its name."""
    one = {name: found[name][None] for name in ATTACKED} | {"lams": torch.zeros(1)}
    shown = gallery(found | one, list(classes))
    panel = shown.panels[0]
    told = zip(panel.columns, found["index"].tolist(), found["lead"].tolist(), strict=False)
    columns = [
        replace(column, details=(f"image {index}", f"lead {round(lead, 1) + 0.0:+.1f}")) for column, index, lead in told
    ]
    return replace(shown, panels=[replace(panel, columns=columns)])
