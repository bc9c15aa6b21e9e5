"""A sheet of what a generator makes."""

from __future__ import annotations

from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from robustdial import record
from robustdial.data import grey_levels
from robustdial.generator.network import StyleGenerator

ROWS = 4


@torch.no_grad()
def samples(generator: StyleGenerator, x: Tensor) -> Tensor:
    """Images to judge a generator by: rows of random ones, a column per class; then `x`, and below what is made of it.

    Returns `[rows * classes, C, H, W]`; of `x` the first `classes` are taken.
    """
    classes = generator.classes
    y = torch.arange(classes, device=x.device).repeat(ROWS)
    made = generator.sample(y, torch.Generator().manual_seed(0))
    x = x[:classes]
    return torch.cat([made, x, generator.decode(generator.encode(x))])


def sheet(images: Tensor, columns: int, scale: int = 1) -> Image.Image:
    """Images `[N, C, H, W]` in [0, 1] as one picture, `columns` in each row.

    >>> sheet(torch.zeros(4, 1, 8, 8), columns=2).size
    (18, 18)
    """
    channels, height, width = images.shape[1:]
    rows = -(-len(images) // columns)
    page = torch.ones(3, rows * (height + 1), columns * (width + 1))
    for i, image in enumerate(images.cpu()):
        top, left = i // columns * (height + 1), i % columns * (width + 1)
        page[:, top : top + height, left : left + width] = image if channels == 3 else image.mean(0)
    picture = Image.fromarray(grey_levels(page).permute(1, 2, 0).contiguous().numpy())
    return picture.resize((picture.width * scale, picture.height * scale), Image.Resampling.NEAREST)


def write_sheet(path: Path, images: Tensor, columns: int) -> None:
    """Write them as PNG, atomically, small images enlarged."""
    scale = max(1, 48 // images.shape[-1])
    record.write_file(path, lambda part: sheet(images, columns, scale).save(part, "PNG", optimize=True))
