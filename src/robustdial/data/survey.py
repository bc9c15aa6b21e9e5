"""What images have in common, found from their heads: channels and size, and what is told of the others."""

from __future__ import annotations

import statistics
import warnings
from collections.abc import Sequence

import torch
from PIL import Image

from robustdial.data.base import Shape
from robustdial.data.picture import Header, Images
from robustdial.data.reading import Reading
from robustdial.data.shown import few

HEADERS = 4096  # of a part whose heads are looked at, spread evenly over it
LARGEST_COMMON = 224  # the side that a set of mixed sizes is reduced to, if all its images are larger
FEW = 10  # one in so many images is an exception; more are the way the set is


def common_shape(parts: Sequence[Images], reading: Reading) -> tuple[Shape, tuple[str, ...]]:
    """The shape that images are brought to, and a note of whatever changes them.

    Args:
        parts: the images to learn from, or to measure, first: their size decides. Of each up to 4,096 are looked at.
        reading: the size of a square; None for the images' own size, or, if they differ, their smallest shorter side
            (at most 224).

    Raises:
        ValueError: there are no images, one cannot be used, or a few would shrink all others below half.
    """
    if not parts or len(parts[0]) == 0:
        raise ValueError("The training set is empty. Add images to it.")
    looked = [_headers(part) for part in parts]
    together = [head for heads in looked for head in heads]
    channels = 1 if all(head.grey for head in together) and _is_grey(reading, together) else 3
    height, width = _size(looked[0], reading.size)
    notes = []
    if any((head.height, head.width) != (height, width) for head in together):
        notes.append(f"Images are resized to {width}x{height} (shorter side, then the centre is cropped).")
    turned, alpha, frames = (sum(getattr(head, of) for head in together) for of in ("turned", "alpha", "frames"))
    of = f"{len(together):,}" + (" looked at" if sum(map(len, parts)) > len(together) else "")
    if turned:
        notes.append(f"Turned upright as their EXIF orientation says: {turned:,} of {of} images.")
    if alpha:
        notes.append(
            f"Transparent pixels are laid over {reading.background}: {alpha:,} of {of} images have an alpha channel."
        )
    if frames:
        notes.append(f"Of images with several frames or pages the first is taken: {frames:,} of {of} images.")
    return (channels, height, width), tuple(notes)


def _headers(images: Images) -> list[Header]:
    places = torch.linspace(0, len(images) - 1, min(HEADERS, len(images)), dtype=torch.float64).long().tolist()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # too many pixels are refused by name
        return [images.header(place) for place in places]


def _is_grey(reading: Reading, heads: Sequence[Header]) -> bool:
    """Whether what shows through grey images is grey."""
    return len(set(reading.colour)) == 1 or not any(head.alpha for head in heads)


def _size(heads: Sequence[Header], size: int | None) -> tuple[int, int]:
    """Height and width."""
    if size is not None:
        return size, size
    sizes = {(head.height, head.width) for head in heads}
    if len(sizes) == 1:
        return sizes.pop()
    middle = min(LARGEST_COMMON, int(statistics.median(head.side for head in heads)))
    small = [head for head in heads if 2 * head.side < middle]
    if small and len(small) * FEW <= max(len(heads), FEW):
        told = few([f"{head.name} ({head.width} x {head.height})" for head in small])
        raise ValueError(
            f"All images would be shrunk below half of their size ({middle} pixels, the shorter side of most) for "
            f"{told}. Take that out of the set, or give the size, for example --size {middle}."
        )
    side = min(LARGEST_COMMON, *(head.side for head in heads))
    return side, side
