"""A data set from tensors in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from torch import Tensor

from robustdial.checks import checked
from robustdial.data.augment import none
from robustdial.data.base import Data
from robustdial.data.checks import numbered, whole_images, whole_labels
from robustdial.data.divide import Raw, check_request, divide
from robustdial.data.resident import Resident


@checked
def from_tensors(
    train: Iterable[Tensor],
    test: Iterable[Tensor],
    *,
    classes: Sequence[str] | None = None,
    name: str = "tensors",
    val: float = 0.1,
    seed: int = 0,
    limit: int | None = None,
    augment: Callable[[Tensor], Tensor] = none,
) -> Data:
    """Images and labels as data.

    Args:
        train, test: a pair each: images `[N, C, H, W]`, uint8 or float in [0, 1], and integer labels `[N]` from 0.
        classes: their names; "0", "1", ... by default.
        name: of the set, for reports.
        val, seed, limit: as in `load`.
        augment: of training images, for example `Crop(2)`.

    Raises:
        TypeError: something else than a pair of tensors.
        ValueError: images and labels that do not fit, pixels outside [0, 1], labels that name no class, a class
            without training images.

    >>> import torch
    >>> x, y = torch.rand(40, 1, 8, 8), torch.arange(40) % 2
    >>> data = from_tensors((x, y), (x, y), val=0.2)
    >>> len(data.train), len(data.val), data.classes
    (32, 8, ('0', '1'))
    """
    check_request(limit, val)
    fit, kept = _resident(train, "training"), _resident(test, "test")
    if fit.shape != kept.shape:
        raise ValueError(f"Training images are {fit.shape} and test images {kept.shape}. Bring them to one (C, H, W).")
    raw = Raw(numbered(fit.labels) if classes is None else tuple(classes), fit, kept, augment)
    return divide(name, raw, limit=limit, val=val, seed=seed)


def _resident(part: Iterable[Tensor], which: str) -> Resident:
    if not isinstance(part, tuple | list) or len(part) != 2 or not all(isinstance(each, Tensor) for each in part):
        raise TypeError(
            f"The {which} part is not a pair of tensors (images, labels). Use torch.as_tensor on arrays and lists; "
            "of a Dataset, a DataLoader or pairs of an image and its label, from_dataset(train, test) makes data."
        )
    x, y = whole_images(part[0], which), whole_labels(part[1], which)
    if len(x) != len(y):
        raise ValueError(f"There are {len(x)} {which} images but {len(y)} labels. Give one label per image.")
    return Resident(x, y)
