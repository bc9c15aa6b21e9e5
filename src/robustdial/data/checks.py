"""Labels and pixels that cannot be meant, and what to do about them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from robustdial.checks import SLIP
from robustdial.data.base import Data, Source

_ROUNDED = 1e-3


def whole_labels(y: Tensor, part: str) -> Tensor:
    """Labels as int64 on the CPU.

    Raises:
        ValueError: not one integer per image.
    """
    if y.ndim != 1 or y.is_floating_point() or y.is_complex() or y.dtype == torch.bool:
        raise ValueError(f"The {part} labels are {y.dtype} {list(y.shape)}. Give one integer per image, int64 [N].")
    return y.to("cpu", torch.int64)


def check_labels(y: Tensor, classes: Sequence[str], part: str) -> None:
    """Raise a ValueError unless every label of `y` names a class."""
    if len(y) == 0:
        raise ValueError(f"The {part} set is empty. Add images to it.")
    low, high = int(y.min()), int(y.max())
    if low < 0:
        raise ValueError(f"The smallest {part} label is {low}, often the mark of unlabelled images. Use labels from 0.")
    if high >= len(classes):
        raise ValueError(
            f"The largest {part} label is {high}, but the {len(classes)} classes are 0 to {len(classes) - 1}."
        )


def numbered(y: Tensor) -> tuple[str, ...]:
    """Names for classes that have numbers only: "0" to the largest label.

    Raises:
        ValueError: there are more numbers than images, so the labels are not a numbering of classes.
    """
    number = int(y.max()) + 1 if len(y) else 0
    if number > len(y):
        raise ValueError(
            f"The largest label is {number - 1}, with {len(y)} images. Number the labels 0 to K-1 without gaps."
        )
    return tuple(str(k) for k in range(number))


def check_classes(y: Tensor, classes: Sequence[str]) -> None:
    """Raise a ValueError unless there are two classes and each has training images."""
    if len(classes) < 2:
        raise ValueError(
            f"There is one class only ({', '.join(classes)}), so nothing to tell apart. Add another class."
        )
    missing = [classes[k] for k in (y.bincount(minlength=len(classes)) == 0).nonzero().flatten().tolist()]
    if missing:
        some = ", ".join(missing[:5]) + (", ..." if len(missing) > 5 else "")
        raise ValueError(f"No training image is of class {some}. Add some, or number the labels 0 to K-1 without gaps.")


def whole_images(x: Tensor, part: str) -> Tensor:
    """Images as uint8 or float32.

    Raises:
        ValueError: not `[N, C, H, W]`, of another type, not finite, or outside [0, 1].
    """
    if x.ndim != 4 or 0 in x.shape[1:]:
        raise ValueError(
            f"The {part} images have shape {list(x.shape)}. Give [N, C, H, W], for grey images x[:, None]."
        )
    if x.shape[1] > 4 and x.shape[3] <= 4:
        raise ValueError(f"The {part} images {list(x.shape)} have their channels last. Give x.permute(0, 3, 1, 2).")
    if x.is_meta or x.layout != torch.strided:
        raise ValueError(f"The {part} images are no ordinary tensor (meta, sparse). Give their pixels, x.to_dense().")
    if x.dtype == torch.uint8:
        return x
    if not x.is_floating_point():
        raise ValueError(f"The {part} images are {x.dtype}. Give uint8, or float in [0, 1].")
    x = x.detach()
    _check_range(x, part)
    return x.float()


def check_learned(x: Tensor) -> None:
    """Raise a ValueError unless `x` can be a batch of images to learn from, float `[B, C, H, W]` in [0, 1].

    Values are looked at on the CPU alone: elsewhere every batch would have to wait for the answer. Nor does it count if
    an augmentation has rounded a pixel out of the range.
    """
    if x.ndim != 4:
        raise ValueError(f"The images of a batch have shape {list(x.shape)}. Give [B, C, H, W]; of one image, x[None].")
    if not x.is_floating_point():
        raise ValueError(f"The images of a batch are {x.dtype}. Give float in [0, 1]: x.float() / 255 of grey levels.")
    if x.is_cpu and x.numel() and not (x.amin() >= -_ROUNDED and x.amax() <= 1 + _ROUNDED):
        _check_range(x, "training")


def check_targets(y: Tensor, images: int) -> None:
    """Raise a ValueError unless `y` are labels of so many images, int64 `[B]` from 0, or probabilities `[B, K]`."""
    soft = y.ndim == 2 and y.is_floating_point()
    if not soft and (y.ndim != 1 or y.dtype != torch.int64):
        raise ValueError(
            f"The labels of a batch are {y.dtype} {list(y.shape)}. Give one whole number per image, int64 [B]: "
            "y.long(), or y.argmax(1) of one-hot labels; or probabilities of the classes, float [B, K]."
        )
    if len(y) != images:
        raise ValueError(f"A batch has {images} images and {len(y)} labels. Give one label per image.")
    if soft:
        _check_probabilities(y)
    elif y.is_cpu and len(y) and y.amin() < 0:
        raise ValueError(
            f"The smallest label is {int(y.amin())}, often the mark of unlabelled images. Use labels from 0."
        )


def _check_probabilities(y: Tensor) -> None:
    if y.is_cpu and not (y.ge(0).all() and (y.sum(1) - 1).abs().le(_ROUNDED).all()):
        raise ValueError("The labels [B, K] of a batch are no probabilities. Give 0 or more for each class, 1 in all.")


def _check_range(x: Tensor, part: str) -> None:
    if not x.isfinite().all():
        raise ValueError(f"The {part} images hold NaN or infinite pixels. Remove those images.")
    if len(x) == 0:
        return
    low, high = x.min().item(), x.max().item()
    if (low < 0 or high > 1) and low > -SLIP and high < 1 + SLIP:
        raise ValueError(
            f"The {part} pixels reach from {low:.6g} to {high:.6g}. Where an interpolation has left [0, 1], give "
            "x.clamp(0, 1)."
        )
    if low < 0:
        raise ValueError(
            f"The {part} pixels reach from {low:.3g} to {high:.3g}: the data looks normalised already. "
            "Give pixels in [0, 1]; the model normalises inside."
        )
    if high > 1:
        raise ValueError(
            f"The {part} pixels reach up to {high:.3g}. Give uint8 (0 to 255), or float divided into [0, 1]."
        )


def is_constant(source: Source) -> bool:
    """Whether all images are one and the same colour, so that there is nothing to see."""
    first = None
    for x, _ in source.batches(torch.split(torch.arange(len(source)), 64)):
        first = x[:1, :, :1, :1] if first is None else first
        if not (x == first).all():
            return False
    return True


def check_varied(data: Data) -> None:
    """Raise a ValueError if all images to learn from are one and the same colour."""
    if is_constant(data.train):
        raise ValueError(
            f"Every pixel of all {len(data.train)} training images of {data.name} has the same value: there is nothing "
            "to learn. If what can be seen is in their transparency, choose another background, for example black."
        )
