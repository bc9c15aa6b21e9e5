"""What a reader gathers for each part, as one set: images of one shape, opened when they are asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from robustdial.data.augment import customary
from robustdial.data.divide import Raw
from robustdial.data.naming import check_distinct, check_labelled
from robustdial.data.parts import PARTS, Part
from robustdial.data.picture import Images
from robustdial.data.reading import Reading
from robustdial.data.stream import Stream
from robustdial.data.survey import common_shape


def gathered(
    classes: tuple[str, ...],
    images: Mapping[Part, Images],
    labels: Mapping[Part, Tensor],
    reading: Reading,
    notes: Sequence[str],
) -> Raw:
    """Images and their labels, int64 `[N]`, of each part that is there; a set without a training part has an empty one.

    Raises:
        ValueError: two classes look the same, one is of images without labels, an image cannot be used, or a few would
            shrink all others.
    """
    check_labelled(classes)
    apart = check_distinct(classes)
    there = [part for part in PARTS if part in images]
    shape, told = common_shape([images[part] for part in there], reading)
    found = {part: Stream(images[part], torch.arange(len(images[part])), labels[part], shape) for part in there}
    nothing = found[there[0]].subset(torch.empty(0, dtype=torch.int64))
    return Raw(
        classes,
        train=found.get("train", nothing),
        test=found.get("test"),
        augment=customary(shape),
        notes=(*notes, *apart, *told),
        val=found.get("val"),
    )
