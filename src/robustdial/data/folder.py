"""Pictures in one folder per class."""

from __future__ import annotations

from pathlib import Path

import torch

from robustdial.data.augment import customary
from robustdial.data.base import Shape
from robustdial.data.divide import Raw
from robustdial.data.picture import Files, common_shape
from robustdial.data.stream import Stream

LAYOUT = "PATH/train/CLASS/*.png with PATH/test/CLASS/*.png, or PATH/CLASS/*.png"

PICTURES = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")


def read(place: str, size: int | None) -> Raw:
    """The pictures under `place`: divided in train and test (or val), or one folder per class.

    Raises:
        FileNotFoundError: no such folder.
        ValueError: it holds no classes, one of them has no pictures, or the parts hold other classes.
    """
    path = Path(place).expanduser()
    if not path.is_dir():
        raise FileNotFoundError(f"There is no folder {place}. Give the path of {LAYOUT}.")
    train = path / "train" if (path / "train").is_dir() else path
    test = next((path / part for part in ("test", "val") if train != path and (path / part).is_dir()), None)
    paths, labels, classes = _listed(train)
    shape, notes = common_shape(Files(paths), size)
    held = None
    if test is not None:
        test_paths, test_labels, test_classes = _listed(test)
        if test_classes != classes:
            odd = ", ".join(sorted(set(classes) ^ set(test_classes)))
            raise ValueError(f"{train} and {test} do not hold the same classes: {odd}. Give both the same folders.")
        held = _stream(test_paths, test_labels, shape)
    return Raw(classes, _stream(paths, labels, shape), held, customary(shape), notes=notes)


def pictures(place: str, shape: Shape) -> Stream:
    """All pictures under `place`, or under its folder `train` if it has one, whatever folders they are in, as `shape`.

    Their labels are 0. Raises FileNotFoundError where there is no folder, ValueError where it holds no pictures.
    """
    path = Path(place).expanduser()
    if not path.is_dir():
        raise FileNotFoundError(f"There is no folder {place}. Give the path of a folder of pictures.")
    root = path / "train" if (path / "train").is_dir() else path
    found = sorted(str(file) for file in root.rglob("*") if file.suffix.lower() in PICTURES)
    if not found:
        raise ValueError(f"{root} holds no pictures ({', '.join(PICTURES)}). Add some, or give another folder.")
    return _stream(found, [0] * len(found), shape)


def _listed(folder: Path) -> tuple[list[str], list[int], tuple[str, ...]]:
    from torchvision.datasets import ImageFolder

    try:
        found = ImageFolder(str(folder), allow_empty=True)
    except FileNotFoundError as error:
        raise ValueError(f"{folder} holds no folders. Give the path of {LAYOUT}.") from error
    empty = sorted(set(range(len(found.classes))) - set(found.targets))
    if empty:
        raise ValueError(f"{folder / found.classes[empty[0]]} holds no pictures. Add some, or remove the folder.")
    return [path for path, _ in found.samples], found.targets, tuple(found.classes)


def _stream(paths: list[str], labels: list[int], shape: Shape) -> Stream:
    return Stream(Files(paths), torch.arange(len(paths)), torch.tensor(labels), shape)
