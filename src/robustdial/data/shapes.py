"""Shapes that are drawn here: 2,500 grey images of 28x28, nothing to download, with a trade-off built in."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from torch import Generator, Tensor

from robustdial.data.augment import none
from robustdial.data.divide import Raw
from robustdial.data.resident import Resident
from robustdial.data.resize import resized

CLASSES = ("circle", "triangle", "square", "star")
SIDE, FINE, PERIOD = 28, 2, 4
"""Pixels of a side, points along each pixel that are inside or outside an outline, and pixels from stripe to stripe."""
FAINT, CLEAR = 0.06, 0.15
"""The stripes half way, as a share of black to white; how far a drawing is from its own shape before it has any."""


def read(root: Path, size: int | None) -> Raw:
    """2,000 training and 500 test images, the same at every call; `root` is not needed.

    A drawing lies between its own shape and another one; one in six lies half way, where the outline does not tell
    which is which. Faint stripes tell it: their direction belongs to the class. Who reads them is always right, until
    an adversary paints others over them; who reads outlines is right as often as these tell. Thus accuracy is at odds
    with robustness by construction, as in Tsipras et al., Robustness May Be at Odds with Accuracy, ICLR 2019.
    """
    pool, test = (Resident(resized(x, size), y) for x, y in (drawn(2000, seed=0), drawn(500, seed=1)))
    return Raw(CLASSES, pool, test, none)


def drawn(n: int, seed: int) -> tuple[Tensor, Tensor]:
    """Images, uint8 `[n, 1, 28, 28]`, and labels, int64 `[n]`."""
    numbers = Generator().manual_seed(seed)

    def between(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(n, 1, 1, generator=numbers)

    labels = torch.randperm(n, generator=numbers) % len(CLASSES)
    others = (labels + torch.randint(1, len(CLASSES), (n,), generator=numbers)) % len(CLASSES)
    share, ground, paint = between(0, 0.6).clamp_max(0.5), between(0.1, 0.2), between(0.8, 0.9)
    across, down = (_places(SIDE * FINE)[d] - between(-0.12, 0.12) for d in (0, 1))
    reach = outlines(torch.atan2(across, -down) + between(-0.2, 0.2))  # the angle from the top
    outline = between(0.62, 0.8) * torch.lerp(_of(labels, reach), _of(others, reach), share)
    inside = across.hypot(down) < outline
    covered = inside.float().view(n, SIDE, FINE, SIDE, FINE).mean((2, 4))
    faint = FAINT * ((share - CLEAR) / (0.5 - CLEAR)).clamp_min(0)
    grain = 0.02 * torch.randn(n, SIDE, SIDE, generator=numbers)
    x = ground + (paint - ground) * covered + faint * stripes()[labels] + grain
    return (255 * x.clamp(0, 1)).round().to(torch.uint8)[:, None], labels


def outlines(angle: Tensor) -> Tensor:
    """How far the outline of each class is from its middle at an angle from the top, `[classes, ...]`."""
    triangle, square = (polygon(angle, corners) for corners in (3, 4))
    arm = (angle * 5 / math.tau).remainder(1).mul(2).sub(1).abs()  # 1 at the tips, 0 between them
    return torch.stack([torch.full_like(angle, 0.8), 1.15 * triangle, square, 0.44 + 0.66 * arm**1.5])


def polygon(angle: Tensor, corners: int) -> Tensor:
    """The outline of a regular polygon that stands on a side, or, with four corners, on one of them."""
    turn = math.tau / corners
    return math.cos(turn / 2) / torch.cos(angle.remainder(turn) - turn / 2)


def stripes() -> Tensor:
    """The stripes of each class, -1 and 1, `[classes, side, side]`."""
    across, down = (SIDE * place / 2 for place in _places(SIDE))
    turns = [math.pi * k / len(CLASSES) for k in range(len(CLASSES))]
    waves = [torch.sin(math.tau / PERIOD * (across * math.cos(t) + down * math.sin(t))) for t in turns]
    return torch.stack(waves).sign()


def _places(points: int) -> tuple[Tensor, Tensor]:
    """How far across and down the points of a picture are from its middle, from -1 to 1."""
    line = (torch.arange(points) + 0.5) * (2 / points) - 1
    return line.expand(points, points), line[:, None].expand(points, points)


def _of(classes: Tensor, reach: Tensor) -> Tensor:
    """Of the outlines `[classes, n, ...]`, that of the class of each drawing."""
    return reach[classes, torch.arange(len(classes))]
