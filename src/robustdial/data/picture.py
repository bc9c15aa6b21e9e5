"""Encoded pictures of any size and mode -> uint8 tensors of one shape."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import IO, Protocol

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from robustdial.data.base import Shape

PROBES = 64  # pictures that are looked at to learn the mode and the size of a set
LARGEST = 224  # the side that a set of mixed sizes is reduced to, if all its pictures are larger


class Images(Protocol):
    """Pictures by index, decoded when asked for."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Image.Image: ...


def decode(file: str | Path | IO[bytes], name: str) -> Image.Image:
    """The picture in `file`, called `name` in the message when it cannot be read.

    Raises:
        ValueError: it is damaged, not a picture, or has more than 8 bits per channel.
    """
    try:
        with Image.open(file) as image:
            image.load()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError(f"{name} cannot be decoded as an image. Replace it or take it out of the set.") from error
    if image.mode[0] in "IF":
        raise ValueError(f"{name} has pixels of mode {image.mode!r}. Save it with 8 bits per channel.")
    return image


def pixels(image: Image.Image, shape: Shape) -> Tensor:
    """A picture as uint8 `[C, H, W]`: shorter side reduced (or enlarged) to fit, then cropped at the centre."""
    channels, height, width = shape
    mode = "L" if channels == 1 else "RGB"
    image = image if image.mode == mode else image.convert(mode)
    if image.size != (width, height):
        image = ImageOps.fit(image, (width, height), Image.Resampling.BILINEAR)
    return torch.from_numpy(np.array(image)).view(height, width, channels).permute(2, 0, 1)


def common_shape(images: Images, size: int | None) -> tuple[Shape, tuple[str, ...]]:
    """The shape that pictures are brought to, and a note where that changes them.

    Args:
        images: of which up to 64, evenly spaced, are looked at.
        size: side of a square; None for the pictures' own size, or, if they differ, their smallest shorter side (at
            most 224).

    Raises:
        ValueError: there are no images, or one cannot be decoded.
    """
    if len(images) == 0:
        raise ValueError("The training set is empty. Add images to it.")
    places = torch.linspace(0, len(images) - 1, min(PROBES, len(images))).long().tolist()
    probes = [images[place] for place in places]
    channels = 1 if all(image.mode in ("1", "L") for image in probes) else 3
    sizes = {(image.height, image.width) for image in probes}
    if size is None and len(sizes) == 1:
        return (channels, *sizes.pop()), ()
    side = size or min(LARGEST, *(min(pair) for pair in sizes))
    resized = f"Images are resized to {side}x{side} (shorter side, then the centre is cropped)."
    return (channels, side, side), () if sizes == {(side, side)} else (resized,)


class Files:
    """Pictures in files.

    Args:
        paths: one per picture.
    """

    def __init__(self, paths: Sequence[str]) -> None:
        self._paths = paths

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, index: int) -> Image.Image:
        return decode(self._paths[index], self._paths[index])
