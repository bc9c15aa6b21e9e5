"""How a network wants to be fed: the way of an image file to the tensor it takes, in words, as JSON and as Python.

It is the way that the images of its training took (`robustdial.data`), which another preprocessing would undo.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from PIL import ImageColor

from robustdial.typing import Json

PREPROCESS = "preprocess.py"


def feeding(shape: Sequence[int], background: str) -> dict[str, Json]:
    """What a program in another language must know.

    >>> feeding((3, 32, 32), "white")["channels"], feeding((1, 8, 8), "white")["layout"]
    ('RGB', 'NCHW, float32')
    """
    channels, height, width = shape
    order = {1: "grey", 3: "RGB"}.get(channels, f"{channels} channels, in the order of the training images")
    return {
        "layout": "NCHW, float32",
        "size": {"height": height, "width": width},
        "channels": order,
        "range": [0.0, 1.0],
        "normalisation": "inside the network",
        "orientation": "upright, as EXIF says",
        "transparent": f"laid over {background}",
        "resize": "bilinear with antialiasing (Pillow), until the shorter side fits; the aspect ratio is kept",
        "crop": "at the centre, to the size",
    }


def in_words(shape: Sequence[int], background: str) -> str:
    """The same as an item of Markdown for each step."""
    _, height, width = shape
    return "\n".join(
        (
            f"- turned upright, as EXIF says; transparent pixels laid over {background}",
            f"- channels: {feeding(shape, background)['channels']}",
            "- resized, bilinear with antialiasing as in Pillow, until its shorter side fits; cropped at the centre:",
            f"  {height} x {width} (height, width)",
            "- grey levels divided by 255, so in [0, 1]; no mean and no deviation, normalisation is inside",
            "- batch first, then channels, height, width; float32",
        )
    )


def module(shape: Sequence[int], classes: Sequence[str], background: str) -> str:
    """A Python file whose `preprocess` makes the tensor from an image. Needs Pillow, NumPy and PyTorch alone."""
    channels, height, width = shape
    return _MODULE.format(
        classes=json.dumps(list(classes), ensure_ascii=False),
        size=(width, height),
        channels=channels,
        background=ImageColor.getrgb(background)[:3],
    )


_MODULE = '''\
"""Feeds the network beside this file: `preprocess` makes its input from an image. Needs Pillow, NumPy and PyTorch."""

import numpy
import torch
from PIL import Image, ImageOps

CLASSES = {classes}  # in the order of the logits
SIZE = {size}  # width and height
CHANNELS = {channels}
BACKGROUND = {background}  # shows through transparent pixels


def preprocess(image):
    """An image, or the file of one, as float32 [1, {channels}, height, width] in [0, 1].

    Turned upright, laid over BACKGROUND, resized until its shorter side fits, cropped at the centre.
    """
    if isinstance(image, Image.Image):
        return _tensor(image)
    with Image.open(image) as opened:
        return _tensor(opened)


def _tensor(image):
    if image.mode[0] in "IF":
        raise ValueError("Save the image with 8 bits per channel.")
    image.load()
    image = _opaque(_upright(image)).convert("L" if CHANNELS == 1 else "RGB")
    if image.size != SIZE:
        image = ImageOps.fit(image, SIZE, Image.Resampling.BILINEAR)
    pixels = torch.from_numpy(numpy.array(image)).view(SIZE[1], SIZE[0], CHANNELS)
    return pixels.permute(2, 0, 1)[None].float() / 255


def _upright(image):
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # what cannot be understood is shown as it is stored
        return image


def _opaque(image):
    palette = image.palette.mode if image.mode == "P" and image.palette is not None else ""
    grey = image.mode in ("1", "L", "LA", "La")
    if image.mode not in ("LA", "La", "PA", "RGBA", "RGBa") and "transparency" not in image.info:
        if not palette.endswith("A"):
            return image.convert("L" if grey else "RGB")
    over = image.convert("RGBA")
    under = Image.new("RGBA", over.size, (*BACKGROUND, 255))
    return Image.alpha_composite(under, over).convert("L" if grey and len(set(BACKGROUND)) == 1 else "RGB")
'''
