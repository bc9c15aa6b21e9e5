"""Masks that lie beside the images they belong to: they are no images of the class, and would give its answer away."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

from robustdial.data.shown import shown

_MASK = re.compile(r"(.+?)[ _-]+(?:masks?|seg|segmentation|gt|groundtruth)(?:[ _-]?\d+)?", re.IGNORECASE)


def check_no_masks(folder: Path, images: Iterable[str]) -> None:
    """Raise a ValueError if images are called as masks of others that lie beside them: `x_mask.png` beside `x.png`."""
    stems = {os.path.splitext(path)[0]: path for path in images}
    masks = [path for stem, path in stems.items() if (match := _MASK.fullmatch(stem)) and match[1] in stems]
    if masks:
        raise ValueError(
            f"{shown(str(folder))} holds images and, by their names, masks of them: {len(masks):,}, such as "
            f"{shown(os.path.basename(masks[0]))}. Move the masks out of the set."
        )
