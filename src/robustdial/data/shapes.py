"""Drawn shapes with a faint pattern: pictures that a person can read, and a trade-off that can be understood.

Each of six classes is a shape, drawn at a random place, size, angle and colour on a mottled ground. Over the whole
image lies a pattern of stripes whose direction tells the class almost surely, and which is fainter than an adversary
of radius 8/255 may change: a standard network reads the pattern, a robust one must look at the shape. So accuracy and
robustness are at odds, as in Tsipras et al., Robustness May Be at Odds with Accuracy, ICLR 2019.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.random import RandomState
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from robustdial.data.augment import none
from robustdial.data.divide import Raw
from robustdial.data.resident import Resident
from robustdial.data.resize import resized

CLASSES = "circle", "square", "triangle", "star", "cross", "moon"
TRAIN, TEST, SIDE = 2000, 360, 24
FAINT = 6 / 255
"""Amplitude of the pattern."""
_FINE = 4  # drawn so many times larger, then averaged: smooth edges, and the same pixels everywhere

Corners = list[tuple[float, float]]
Pixels = NDArray[Any]


def read(root: Path, size: int | None) -> Raw:
    """2,000 training and 360 test images of 24 x 24, in colour; the same at every call. `root` is not needed."""
    train, test = (_part(seed, number, size) for seed, number in ((0, TRAIN), (1, TEST)))
    return Raw(CLASSES, train, test, none)


def _part(seed: int, number: int, size: int | None) -> Resident:
    random, labels = RandomState(seed), np.arange(number) % len(CLASSES)
    images = np.stack([_image(random, int(k)) for k in labels])
    return Resident(resized(torch.from_numpy(images).movedim(3, 1).contiguous(), size), torch.from_numpy(labels))


def _image(random: RandomState, k: int) -> Pixels:
    """One image of class `k`, uint8 `[SIDE, SIDE, 3]`."""
    ground, paint = _colours(random)
    mottled = ground + 0.02 * random.randn(SIDE, SIDE, 1)
    cover = _cover(random, CLASSES[k])[:, :, None]
    pixels = (1 - cover) * mottled + cover * (paint + 0.02 * random.randn(SIDE, SIDE, 1))
    shown: Pixels = (255 * np.clip(pixels + _pattern(random, k), 0, 1) + 0.5).astype(np.uint8)
    return shown


def _colours(random: RandomState) -> tuple[Pixels, Pixels]:
    """Colours of ground and shape, the shape the brighter one: sometimes hardly so."""
    ground = random.uniform(0.2, 0.55, 3)
    apart = random.uniform(0.15, 0.4)
    return ground, np.clip(ground + apart + random.uniform(-0.08, 0.08, 3), 0.05, 0.95)


def _cover(random: RandomState, name: str) -> Pixels:
    """How far each pixel is covered by the shape, `[SIDE, SIDE]`."""
    side = SIDE * _FINE
    radius = side * random.uniform(0.26, 0.38)
    x, y = random.uniform(0.9 * radius, side - 0.9 * radius, 2)
    turn = random.uniform(-0.3, 0.3)
    across, down = math.cos(turn), math.sin(turn)
    canvas = Image.new("L", (side, side))
    draw = ImageDraw.Draw(canvas)
    if name in _CORNERS:
        corners = [
            (
                x + radius * (a * math.cos(turn) - b * math.sin(turn)),
                y + radius * (a * math.sin(turn) + b * math.cos(turn)),
            )
            for a, b in _CORNERS[name]
        ]
        draw.polygon(corners, fill=255)
    else:
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
    if name == "moon":
        away = radius * 0.75
        x, y = x + away * across, y + away * down
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=0)
    fine = np.asarray(canvas, dtype=np.float64) / 255
    averaged: Pixels = fine.reshape(SIDE, _FINE, SIDE, _FINE).mean((1, 3))
    return averaged


def _pattern(random: RandomState, k: int) -> Pixels:
    """Faint stripes in the direction of class `k`, `[SIDE, SIDE, 1]`."""
    rows, columns = np.mgrid[:SIDE, :SIDE]
    angle = math.pi * k / len(CLASSES)
    wave = np.sin(1.9 * (columns * math.cos(angle) + rows * math.sin(angle)) + random.uniform(0, 2 * math.pi))
    striped: Pixels = FAINT * wave[:, :, None]
    return striped


def _star(points: int, inner: float) -> Corners:
    turns = [math.pi * (i / points - 0.5) for i in range(2 * points)]
    return [(math.cos(t) * (inner if i % 2 else 1), math.sin(t) * (inner if i % 2 else 1)) for i, t in enumerate(turns)]


_CORNERS: dict[str, Corners] = {
    "square": [(-0.8, -0.8), (0.8, -0.8), (0.8, 0.8), (-0.8, 0.8)],
    "triangle": [(0.0, -1.0), (0.9, 0.8), (-0.9, 0.8)],
    "star": _star(5, 0.45),
    "cross": _star(4, 0.35),
}
