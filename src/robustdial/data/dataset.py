"""Data from a `torch.utils.data.Dataset`, or from anything that gives images with their labels."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from robustdial.checks import said
from robustdial.data.augment import none
from robustdial.data.base import Data
from robustdial.data.picture import as_shown
from robustdial.data.shown import few
from robustdial.data.tensors import from_tensors

_ANOTHER_ORDER = "The test set lists the classes in another order: its labels are renumbered as the training set's."
_CHANNELS = 4  # at most: a longer side of an array is a height or a width


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
            are tensors `[C, H, W]`, pictures, which are read as a viewer shows them, over white, or arrays `[H, W]`,
            `[H, W, C]` or `[C, H, W]`, uint8 or float in [0, 1]; leave a normalisation to the network.
        classes: their names; by default those that the data sets tell of themselves (`classes`), also from inside a
            Subset or a DataLoader. Where the test set lists them in another order, its labels are renumbered.
        name, val, seed, limit, augment: as in `from_tensors`.

    Raises TypeError or ValueError as `from_tensors`, and if there is something else than images with labels.

    >>> pairs = [(torch.rand(1, 8, 8), i % 2) for i in range(40)]
    >>> data = from_dataset(pairs, pairs, val=0.2)
    >>> len(data.train), data.shape
    (32, (1, 8, 8))
    """
    names, others = _names(train), _names(test)
    fit, (x, y) = _read(train, "training"), _read(test, "test")
    strangers = classes is not None and sorted(names or ()) != sorted(others or ())  # `classes` says what labels mean
    moved = bool(names and others) and names != others and not strangers
    data = from_tensors(
        fit,
        (x, _renumbered(y, others or [], names or []) if moved else y),
        name=name,
        val=val,
        seed=seed,
        limit=limit,
        augment=augment,
        classes=classes or names or others,
    )
    return replace(data, notes=(*data.notes, _ANOTHER_ORDER)) if moved else data


def _names(source: Any) -> list[str] | None:
    """The names of the classes that a data set tells of itself, or the one that it is a part of, in order."""
    told: Any = getattr(source, "classes", None)
    if isinstance(told, Mapping) and all(isinstance(number, int) for number in told.values()):
        told = [name for name, _ in sorted(told.items(), key=lambda pair: int(pair[1]))]
    words = isinstance(told, np.ndarray) and told.ndim == 1 and told.dtype.kind in "UO"
    if words or isinstance(told, list | tuple):
        return [str(one) for one in told]
    inside = [source.dataset] if hasattr(source, "dataset") else getattr(source, "datasets", ())
    found = [_names(one) for one in inside]
    return found[0] if found and all(one == found[0] for one in found) else None


def _renumbered(y: Tensor, have: Sequence[str], want: Sequence[str]) -> Tensor:
    """Labels into the names `have`, as labels into the names `want`. Raises ValueError if these are other names."""
    if sorted(have) != sorted(want) or len(set(have)) < len(have):
        raise ValueError(
            f"The test set has the classes {few(have)}, the training set {few(want)}. Give both the same ones, or "
            "pairs (image, label) with labels into one list of classes."
        )
    if len(y) and not 0 <= int(y.min()) <= int(y.max()) < len(have):
        return y  # what is wrong with them is said where all labels are looked at
    return torch.tensor([want.index(name) for name in have])[y]


def _read(source: Any, which: str) -> tuple[Tensor, Tensor]:
    images: list[Tensor] = []
    labels: list[Tensor] = []
    for item in _items(source, which):
        if not isinstance(item, tuple | list) or len(item) != 2:
            raise TypeError(f"The {which} set gives {said(item)}, not an image with its label. {_pairs(item)}")
        x = _image(item[0], which)
        images += x if x.dim() == 4 else [x]
        labels.append(_labels(item[1], x, which))
    if not images:
        raise ValueError(f"The {which} set gives no images.")
    if len({x.shape for x in images}) > 1:
        raise ValueError(
            f"The {which} images have several sizes. Bring them to one, for example with transforms.Resize."
        )
    if len(kinds := {str(x.dtype).removeprefix("torch.") for x in images}) > 1:
        raise ValueError(f"The {which} images are of several types ({', '.join(sorted(kinds))}). Bring them to one.")
    return torch.stack(images), torch.cat(labels)


def _pairs(item: Any) -> str:
    """How pairs are made of what a data set gives."""
    if isinstance(item, Mapping) and len(item) > 1:
        image, label = list(item)[:2]
        return f"Give pairs (x, y), as [(d[{image!r}], d[{label!r}]) for d in data]."
    return "Give pairs (x, y)."


def _items(source: Any, which: str) -> Iterator[Any]:
    if isinstance(source, Iterable):
        yield from source
    elif hasattr(source, "__getitem__") and hasattr(source, "__len__") and not isinstance(source, type):
        yield from (source[i] for i in range(len(source)))
    else:
        raise TypeError(f"The {which} set is {said(source)}. Give a torch.utils.data.Dataset, or pairs (image, label).")


def _image(image: Any, which: str) -> Tensor:
    """An image `[C, H, W]`, or a batch of them."""
    if isinstance(image, Tensor):
        return image
    picture = isinstance(image, Image.Image) and image.mode[0] not in "IF"  # those are numbers, not colours
    array = np.asarray(as_shown(image, f"An image of the {which} set") if picture else image)
    if array.ndim not in (2, 3, 4) or array.dtype.kind not in "uif":
        raise TypeError(
            f"The {which} set gives {said(image)}, not an image. Give tensors [C, H, W], arrays or pictures."
        )
    found = torch.from_numpy(np.array(array))
    if found.dim() == 2:
        return found[None]
    if found.shape[-1] <= _CHANNELS:
        return found.movedim(-1, -3)
    if found.shape[-3] <= _CHANNELS:
        return found
    raise ValueError(
        f"The {which} set gives arrays {list(found.shape)}, of which no side is that of the channels. Give [H, W, C], "
        "for grey images [H, W, 1]."
    )


def _labels(label: Any, x: Tensor, which: str) -> Tensor:
    """The labels of an image, or of a batch of them, int64 `[images]`."""
    try:
        found = torch.as_tensor(label).detach().cpu()
    except (TypeError, ValueError, RuntimeError):  # words, None, lists of tensors
        raise TypeError(
            f"The {which} set gives the label {said(label)}. Give whole numbers from 0, of words their place in a "
            "list: names.index(label), and that list as classes=names."
        ) from None
    if found.numel() != (len(x) if x.dim() == 4 else 1):
        grey = x.dim() == 3 and found.dim() == 1 and len(found) == len(x)
        more = "of a batch of grey images give x[:, None]." if grey else "of one-hot labels give y.argmax(-1)."
        raise ValueError(
            f"The {which} set gives labels {list(found.shape)} with images {list(x.shape)}. Give one whole number for "
            f"each image; {more}"
        )
    odd = found[found.real.double().frac() != 0]  # NaN, too
    if len(odd):
        raise ValueError(
            f"The {which} set gives the label {odd[0].item():.4g}, which numbers no class. Give whole numbers from 0."
        )
    return found.real.flatten().long()
