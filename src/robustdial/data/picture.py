"""A file, or its bytes, as the image that a viewer shows: upright, opaque, its first frame, in 8 bits.

Every image that a reader finds is opened here, whatever it lies in.
"""

from __future__ import annotations

import functools
import os
import re
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from robustdial.data.base import Shape
from robustdial.data.reading import SMALLEST, Colour
from robustdial.data.shown import shown

MOST_PIXELS = 2**26  # 67 million: above, one image takes hundreds of megabytes
WHITE: Colour = (255, 255, 255)

_NO_IMAGES = frozenset(("BUFR", "EPS", "GRIB", "HDF5", "MPEG", "WMF"))
"""Formats that Pillow knows by name only, or hands to another program."""

_GREY = ("1", "L", "LA", "La")
_WITH_ALPHA = ("LA", "La", "PA", "RGBA", "RGBa")
_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_EXIF_IN_PNG = frozenset(("exif", "Raw profile type exif", "XML:com.adobe.xmp"))

File = str | Path | IO[bytes]


class _NoImage(ValueError):
    """What is not an image, or a damaged one."""


@dataclass(frozen=True)
class Header:
    """What is known of an image before its pixels are decoded.

    Attributes:
        name: for messages.
        height, width: as it is shown.
        grey: whether it has no colour.
        alpha: whether pixels may be transparent.
        turned: whether a viewer turns or mirrors it.
        frames: whether there are several, of which the first is taken.
    """

    name: str
    height: int
    width: int
    grey: bool
    alpha: bool
    turned: bool
    frames: bool

    @property
    def side(self) -> int:
        """The shorter one."""
        return min(self.height, self.width)


class Images(Protocol):
    """Images by index, opened when asked for."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Image.Image:
        """The image, of mode L or RGB."""

    def header(self, index: int) -> Header:
        """What is known of it without decoding."""


def decode(file: File, name: str, background: Colour = WHITE) -> Image.Image:
    """The image in `file`, of mode L or RGB, as a viewer shows it over `background`.

    Args:
        file: path or bytes of an image in any format that Pillow reads.
        name: of it in the message when it cannot be read.

    Raises:
        ValueError: it is damaged, not an image, has a side of fewer than 8 pixels or too many pixels, or has more than
            8 bits per channel.
    """
    with _opened(file, name) as image:
        try:
            image.load()  # Pillow turns a TIFF upright by itself, and forgets its orientation
            return _shown(image, background)
        except Exception as error:  # Pillow has no exception of its own for what is damaged
            raise _undecodable(name) from error


def as_shown(image: Image.Image, name: str) -> Image.Image:
    """An image that somebody has opened, as a viewer shows it over white. Raises ValueError for more than 8 bits."""
    if (mode := _deep(image)) is not None:
        raise ValueError(f"{name} has pixels of mode {mode!r}. Bring it to 8 bits per channel.")
    return _shown(image, WHITE)


def header(file: File, name: str) -> Header:
    """What the head of a file tells. Raises ValueError as `decode` does, for what can be seen of it there."""
    with _opened(file, name) as image:
        width, height = image.size
        orientation = _orientation(image)
        if orientation >= 5 and image.format != "TIFF":  # Pillow gives the size of a TIFF as it is shown
            width, height = height, width
        return Header(name, height, width, image.mode in _GREY, _has_alpha(image), orientation != 1, _has_frames(image))


def is_image(path: str) -> bool:
    """Whether a file, whatever it is called, holds an image: it begins as one, and can be decoded."""
    try:
        with _opened(path, path, _with_signature()) as image:
            image.load()
    except _NoImage:
        return False
    except ValueError:
        return True  # of a size or a depth that is refused by name when it is read
    except Exception:
        return False
    return True


@functools.cache
def endings() -> frozenset[str]:
    """Endings of files that hold images, in lower case: of every format that this Pillow reads."""
    Image.init()
    return frozenset(end for end, form in Image.registered_extensions().items() if form in _formats())


def pixels(image: Image.Image, shape: Shape) -> Tensor:
    """An image as uint8 `[C, H, W]`: shorter side reduced (or enlarged) to fit, then cropped at the centre."""
    channels, height, width = shape
    mode = "L" if channels == 1 else "RGB"
    image = image if image.mode == mode else image.convert(mode)
    if image.size != (width, height):
        image = ImageOps.fit(image, (width, height), Image.Resampling.BILINEAR)
    return torch.from_numpy(np.array(image)).view(height, width, channels).permute(2, 0, 1)


class Files:
    """Images in files.

    Args:
        paths: one per image.
        background: what shows through them.
    """

    def __init__(self, paths: Sequence[str], background: Colour = WHITE) -> None:
        self._paths, self._background = paths, background

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, index: int) -> Image.Image:
        return decode(self._paths[index], shown(self._paths[index]), self._background)

    def header(self, index: int) -> Header:
        return header(self._paths[index], shown(self._paths[index]))


@functools.cache
def _formats() -> tuple[str, ...]:
    Image.init()
    return tuple(name for name in Image.OPEN if name not in _NO_IMAGES)


@functools.cache
def _with_signature() -> tuple[str, ...]:
    """Formats that are recognised by how a file begins; the others would see images in any bytes."""
    return tuple(name for name in _formats() if Image.OPEN[name][1] is not None)


def _opened(file: File, name: str, formats: tuple[str, ...] | None = None) -> Image.Image:
    """An image of which only the head was read. Raises ValueError if it is none, or one that cannot be used."""
    if isinstance(file, str | Path):
        _check_file(file, name)
    try:
        image = Image.open(file, formats=formats or _formats())
    except Image.DecompressionBombError:
        raise ValueError(
            f"{name} has more than {MOST_PIXELS:,} pixels. Reduce it, or take it out of the set."
        ) from None
    except Exception as error:
        raise _undecodable(name) from error
    width, height = image.size
    wrong = None
    if width * height > MOST_PIXELS:
        wrong = f"is {width} x {height} pixels, more than {MOST_PIXELS:,}. Reduce it"
    elif min(width, height) < SMALLEST:
        wrong = f"is {width} x {height} pixels, and each side needs {SMALLEST} or more. Enlarge it"
    elif (mode := _deep(image)) is not None:
        wrong = f"has pixels of mode {mode!r}. Save it with 8 bits per channel"
    if wrong is None:
        return image
    image.close()
    raise ValueError(f"{name} {wrong}, or take it out of the set.")


def _deep(image: Image.Image) -> str | None:
    """How an image of more than 8 bits per channel is stored; Pillow would drop the lower ones of coloured pixels."""
    if image.mode[0] in "IF":
        return image.mode
    stored = re.search(
        r"\b(?!BGR)[A-Za-z]+;16[A-Z]*", str(getattr(image, "tile", ""))
    )  # BGR;16 is 16 bits for all three
    return stored[0] if stored else None


def _check_file(path: str | Path, name: str) -> None:
    """Raise a ValueError for what would hang or cannot be read: pipes, devices, folders, files without permission."""
    try:
        regular = stat.S_ISREG(os.stat(path).st_mode)
    except OSError as error:
        raise ValueError(f"{name} cannot be read ({error.strerror}). Put it back, or take it out of the set.") from None
    if not regular:
        raise ValueError(f"{name} is not a file (a pipe, a device or a folder). Take it out of the set.")


def _undecodable(name: str) -> _NoImage:
    return _NoImage(f"{name} cannot be decoded as an image. Replace it or take it out of the set.")


def _orientation(image: Image.Image) -> int:
    """1 if it is shown as it is stored, up to 8; what cannot be understood counts as 1, as it does for viewers."""
    if image.format == "PNG" and not _EXIF_IN_PNG & image.info.keys():
        return 1  # Pillow would decode all of it to look behind the pixels
    try:
        orientation = image.getexif().get(_ORIENTATION, 1)
    except Exception:
        return 1
    return orientation if orientation in range(1, 9) else 1


def _has_frames(image: Image.Image) -> bool:
    try:
        return bool(getattr(image, "is_animated", False))
    except Exception:  # the second frame is damaged, or none
        return False


def _has_alpha(image: Image.Image) -> bool:
    palette = image.palette.mode if image.mode == "P" and image.palette is not None else ""
    return image.mode in _WITH_ALPHA or "transparency" in image.info or palette.endswith("A")


def _shown(image: Image.Image, background: Colour) -> Image.Image:
    """Upright and opaque."""
    turn = _TURNS.get(_orientation(image))
    return _opaque(image if turn is None else image.transpose(turn), background)


def _opaque(image: Image.Image, background: Colour) -> Image.Image:
    """An image of mode L or RGB, with the background where it is transparent."""
    grey = image.mode in _GREY and len(set(background)) == 1
    if not _has_alpha(image):
        return image.convert("L" if grey or image.mode in _GREY else "RGB")
    over = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", over.size, (*background, 255)), over).convert("L" if grey else "RGB")
