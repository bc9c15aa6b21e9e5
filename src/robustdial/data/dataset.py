"""Data from a `torch.utils.data.Dataset`, or from anything that gives images with their labels."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from robustdial.checks import said
from robustdial.data.augment import none
from robustdial.data.base import Data
from robustdial.data.tensors import from_tensors


def from_dataset(
    train: Any,
    test: Any,
    *,
    classes: Sequence[str] | None = None,
    name: str = "dataset",
    val: float = 0.1,
    seed: int = 0,
    limit: int | None = None,
    augment: Callable[[Tensor], Tensor] = none,
) -> Data:
    """Data of two data sets, read once into memory, without their random transformations being drawn anew.

    Args:
        train, test: map-style data sets, or iterables of (image, label), also of batches, such as a DataLoader. Images
            are tensors `[C, H, W]`, pictures, or arrays `[H, W]` or `[H, W, C]`, uint8 or float in [0, 1]; leave a
            normalisation to the network.
        classes: their names; by default those that the data set tells of itself.
        name, val, seed, limit, augment: as in `from_tensors`.

    Raises TypeError or ValueError as `from_tensors`, and if there is something else than images with labels.

    >>> pairs = [(torch.rand(1, 8, 8), i % 2) for i in range(40)]
    >>> data = from_dataset(pairs, pairs, val=0.2)
    >>> len(data.train), data.shape
    (32, (1, 8, 8))
    """
    told = classes or getattr(train, "classes", None)
    named = {"classes": None if told is None else [str(one) for one in told]}
    return from_tensors(
        _read(train, "training"),
        _read(test, "test"),
        name=name,
        val=val,
        seed=seed,
        limit=limit,
        augment=augment,
        **named,
    )


def _read(source: Any, which: str) -> tuple[Tensor, Tensor]:
    images: list[Tensor] = []
    labels: list[Tensor] = []
    for item in _items(source, which):
        if not isinstance(item, tuple | list) or len(item) != 2:
            raise TypeError(f"The {which} set gives {said(item)}, not an image with its label. Give pairs (x, y).")
        x, y = _image(item[0], which), torch.as_tensor(item[1])
        images += x if x.dim() == 4 else [x]
        labels += y.flatten()
    if not images:
        raise ValueError(f"The {which} set gives no images.")
    if len({x.shape for x in images}) > 1:
        raise ValueError(
            f"The {which} images have several sizes. Bring them to one, for example with transforms.Resize."
        )
    return torch.stack(images), torch.stack(labels).long()


def _items(source: Any, which: str) -> Iterator[Any]:
    if isinstance(source, Iterable):
        yield from source
    elif hasattr(source, "__getitem__") and hasattr(source, "__len__"):
        yield from (source[i] for i in range(len(source)))
    else:
        raise TypeError(f"The {which} set is {said(source)}. Give a torch.utils.data.Dataset, or pairs (image, label).")


def _image(image: Any, which: str) -> Tensor:
    """An image `[C, H, W]`, or a batch of them."""
    if isinstance(image, Tensor):
        return image
    array = np.asarray(image)
    if array.ndim not in (2, 3) or array.dtype.kind not in "uif":
        raise TypeError(
            f"The {which} set gives {said(image)}, not an image. Give tensors [C, H, W], arrays or pictures."
        )
    found = torch.from_numpy(np.array(array))
    return found[None] if found.dim() == 2 else found.permute(2, 0, 1)
