"""The data sets that torchvision downloads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from robustdial.data.augment import CropFlip, none
from robustdial.data.divide import Raw
from robustdial.data.resident import Resident
from robustdial.data.resize import resized

DIGITS = tuple("0123456789")
FASHION = ("T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "boot")


@dataclass(frozen=True)
class Named:
    """How torchvision calls a set, and its customary constants.

    Attributes:
        factory: name of the class in `torchvision.datasets`.
        train, test: its arguments for the two parts.
        labels: the attribute that holds them.
        classes: None to take torchvision's.
        mean, std: of the training pixels, as commonly used.
    """

    factory: str
    train: Mapping[str, Any]
    test: Mapping[str, Any]
    labels: str
    classes: tuple[str, ...] | None
    augment: Callable[[Tensor], Tensor]
    mean: tuple[float, ...]
    std: tuple[float, ...]


_TRUE_FALSE: tuple[dict[str, Any], dict[str, Any]] = {"train": True}, {"train": False}
_SPLITS: tuple[dict[str, Any], dict[str, Any]] = {"split": "train"}, {"split": "test"}

SETS: dict[str, Named] = {
    "mnist": Named("MNIST", *_TRUE_FALSE, "targets", DIGITS, none, (0.1307,), (0.3081,)),
    "fashion_mnist": Named("FashionMNIST", *_TRUE_FALSE, "targets", FASHION, none, (0.2860,), (0.3530,)),
    "cifar10": Named(
        "CIFAR10", *_TRUE_FALSE, "targets", None, CropFlip(4), (0.4914, 0.4822, 0.4465), (0.2471, 0.2435, 0.2616)
    ),
    "cifar100": Named(
        "CIFAR100", *_TRUE_FALSE, "targets", None, CropFlip(4), (0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762)
    ),
    "svhn": Named("SVHN", *_SPLITS, "labels", DIGITS, none, (0.4377, 0.4438, 0.4728), (0.1980, 0.2010, 0.1970)),
    "stl10": Named("STL10", *_SPLITS, "labels", None, CropFlip(4), (0.4467, 0.4398, 0.4066), (0.2603, 0.2566, 0.2713)),
}


def read(name: str, root: Path, size: int | None) -> Raw:
    """The set `name` from torchvision's files under `root`, which are downloaded if they are not there.

    Raises:
        ConnectionError: they are not there and the download failed, or they are damaged.
    """
    known = SETS[name]
    train, test = _fetched(name, root, known.train), _fetched(name, root, known.test)
    classes = known.classes or tuple(train.classes)
    pool, held = (_resident(part, known.labels, size) for part in (train, test))
    return Raw(classes, pool, held, known.augment, known.mean, known.std)


def _fetched(name: str, root: Path, part: Mapping[str, Any]) -> Any:
    from torchvision import datasets

    before = root.exists()
    try:
        return getattr(datasets, SETS[name].factory)(root=str(root), download=True, **part)
    except (OSError, RuntimeError, ValueError, AssertionError, EOFError, IndexError) as error:  # torchvision has no own
        if not before:
            _drop_empty(root)
        raise ConnectionError(
            f"{name} can neither be read from {root} nor downloaded ({_reason(error)}). "
            f"Be online, put torchvision's files under {root} (in place of damaged ones), or use parquet:PATH."
        ) from error


def _drop_empty(root: Path) -> None:
    """Remove the folders that a download has made and put nothing into."""
    for folder in (*sorted(filter(Path.is_dir, root.rglob("*")), reverse=True), root):
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def _reason(error: Exception) -> str:
    return str(error).partition("\n")[0].rstrip(".:") or type(error).__name__


def _resident(part: Any, labels: str, size: int | None) -> Resident:
    x, y = torch.as_tensor(part.data), torch.as_tensor(getattr(part, labels))
    if x.ndim == 3:  # grey images without a channel axis
        x = x[:, None]
    if x.shape[3] == 3:  # channels last
        x = x.permute(0, 3, 1, 2).contiguous()
    return Resident(resized(x, size), y.long())
