"""Test images and their adversarial twins as PNG data URIs, with what the network said of each."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass

from PIL import Image
from torch import Tensor

MOST = 8
GREY = 128
TINY, SMALL = 16, 64
"""Sides in pixels: up to the first a picture is enlarged smoothly, or its pixels are all that is seen; up to the second
with its pixels as they are."""


@dataclass(frozen=True)
class Prediction:
    """A prediction: the class, its probability and whether it is the true one."""

    name: str
    confidence: float
    right: bool


@dataclass(frozen=True)
class Column:
    """One test image at one lambda; the pictures are data URIs, `details` what else there is to say of it."""

    label: str
    clean: str
    adv: str
    change: str
    predicted_clean: Prediction
    predicted_adv: Prediction
    details: tuple[str, ...] = ()


@dataclass(frozen=True)
class Panel:
    """The test images at one lambda."""

    lam: float
    columns: list[Column]


@dataclass(frozen=True)
class Gallery:
    """All panels along lambda; the perturbation is shown `factor` times as large as it is."""

    panels: list[Panel]
    factor: int
    crisp: bool

    def spread(self) -> list[Panel]:
        """Both ends and the middle, for a comparison that fits on a page."""
        last = len(self.panels) - 1
        return [self.panels[i] for i in sorted({0, (last + 1) // 2, last})]

    def nearest(self, lam: float | None) -> int:
        """Index of the panel whose lambda is nearest to `lam`."""
        return min(range(len(self.panels)), key=lambda i: abs(self.panels[i].lam - (lam or 0.0)))


def gallery(tensors: dict[str, Tensor], classes: list[str]) -> Gallery:
    """Panels for the first images in `tensors` (`clean` uint8 [N, C, H, W], `adv` uint8 [K, N, C, H, W], ...)."""
    clean = tensors["clean"][:MOST]
    adv = tensors["adv"][:, :MOST]
    largest = int((adv.int() - clean.int()).abs().max())
    factor = max(1, (GREY - 1) // max(1, largest))
    shown = [png(picture) for picture in clean]
    panels = [
        Panel(round(lam, 6), [_column(tensors, classes, k, n, shown[n], factor) for n in range(len(clean))])
        for k, lam in enumerate(tensors["lams"].tolist())
    ]
    return Gallery(panels, factor, crisp=TINY < clean.shape[-1] <= SMALL)


def png(picture: Tensor) -> str:
    """A uint8 [C, H, W] picture as a data URI: three channels are colour, any other number is averaged to grey.

    >>> import torch
    >>> png(torch.zeros(1, 8, 8, dtype=torch.uint8))[:22]
    'data:image/png;base64,'
    """
    colour = len(picture) == 3
    pixels = picture.permute(1, 2, 0) if colour else picture.float().mean(0).round().byte()
    stream = io.BytesIO()
    Image.fromarray(pixels.contiguous().numpy()).save(stream, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode("ascii")


def change(clean: Tensor, adv: Tensor, factor: int) -> Tensor:
    """The perturbation of a uint8 picture, `factor` times as large, around middle grey.

    >>> import torch
    >>> change(torch.tensor([100, 100], dtype=torch.uint8), torch.tensor([100, 108], dtype=torch.uint8), 10).tolist()
    [128, 208]
    """
    return (GREY + factor * (adv.int() - clean.int())).clamp(0, 255).byte()


def _column(tensors: dict[str, Tensor], classes: list[str], k: int, n: int, shown: str, factor: int) -> Column:
    label, adv = int(tensors["labels"][n]), tensors["adv"][k, n]

    def predicted(side: str) -> Prediction:
        guess = int(tensors[f"pred_{side}"][k, n])
        return Prediction(_name(classes, guess), float(tensors[f"conf_{side}"][k, n]), guess == label)

    moved = png(change(tensors["clean"][n], adv, factor))
    return Column(_name(classes, label), shown, png(adv), moved, predicted("clean"), predicted("adv"))


def _name(classes: list[str], index: int) -> str:
    return classes[index] if index < len(classes) else str(index)
