"""The handwritten digits that come with scikit-learn: 1,797 grey images of 8x8, nothing to download."""

from __future__ import annotations

import functools
from pathlib import Path

import torch
from torch import Tensor

from robustdial.data.augment import none
from robustdial.data.divide import Raw, with_test
from robustdial.data.resident import Resident
from robustdial.data.resize import resized


def read(root: Path, size: int | None) -> Raw:
    """1,437 training and 360 test images; `root` is not needed.

    Source: Alpaydin and Kaynak, Optical Recognition of Handwritten Digits, UCI, 1998.
    """
    images, labels = _stored()
    x = images[:, None] * (255 / 16)  # stored as 0 to 16
    pool = Resident(resized(x.round().to(torch.uint8), size), labels.clone())
    return with_test(Raw(tuple("0123456789"), pool, None, none))


@functools.cache
def _stored() -> tuple[Tensor, Tensor]:
    """Images and labels; they are stored as text, which is read once in a process."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    return torch.from_numpy(bunch.images), torch.from_numpy(bunch.target).long()
