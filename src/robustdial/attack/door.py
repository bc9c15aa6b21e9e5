"""The door that every attack is called through: what cannot be meant is refused, and the network gets copies."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, TypeVar, cast

import torch
from torch import Tensor

from robustdial.checks import SLIP, said
from robustdial.logits import Guarded, guarded
from robustdial.method.threat import Threat
from robustdial.typing import Classifier

_OUTSIDE = 1e-4  # how far pixels may lie outside [0, 1]: interpolation in float32 leaves as much

Call = TypeVar("Call", bound=Callable[..., Tensor])


def through_door(call: Call) -> Call:
    """The `__call__` of an attack, behind the door.

    An attack inside another one is handed a guarded network, and goes straight in: everything was looked at.
    """

    @wraps(call)
    def checked(self: Any, f: Classifier, x: Tensor, y: Tensor, threat: Threat) -> Tensor:
        if isinstance(f, Guarded):
            return call(self, f, x, y, threat)
        check_threat(threat)
        with opened(f, x, y) as (network, images, labels):
            return call(self, network, images, labels, threat)

    return cast(Call, checked)


@contextmanager
def opened(f: Classifier, x: Tensor, y: Tensor) -> Iterator[tuple[Guarded, Tensor, Tensor]]:
    """Inside, gradients can be had, also where inference mode is on outside; with what an attack is to work on.

    Raises:
        ValueError: pixels outside [0, 1] or not finite, images that are not `[B, C, H, W]`, labels that are negative or
            not one for each image.
        TypeError: the network cannot be called, or images or labels are of another type.
    """
    check_network(f)
    if not isinstance(f, Guarded):
        check_images(x)
        check_labels(y, x)
        f = Guarded(f, int(y.max()) + 1 if len(y) else 0)
    with torch.inference_mode(False):
        # what was made in inference mode can have no gradient; a copy can
        x, y = (each.clone() if each.is_inference() else each.detach() for each in (x, y))
        yield guarded(f), x, y.long()


def check_network(f: object) -> None:
    """Raises TypeError unless it can be called."""
    if not callable(f) or isinstance(f, type):
        raise TypeError(f"The network is {said(f)}. Give a function of images to logits, such as a torch.nn.Module.")


def check_threat(threat: object) -> None:
    """Raises TypeError unless it is a threat."""
    if isinstance(threat, type):
        raise TypeError(f"threat={threat.__name__} is a class. Say how far: {threat.__name__}(8 / 255).")
    if not all(hasattr(threat, verb) for verb in ("noise", "ascend", "project", "apply")):
        ball = f"Linf({threat})" if isinstance(threat, int | float) else "Linf(8 / 255)"
        raise TypeError(f"threat={threat!r} is no set in which an adversary moves. Give one, for example {ball}.")


def check_images(x: Tensor) -> None:
    """Raises ValueError, or TypeError, unless they are floats `[B, C, H, W]` in [0, 1]."""
    if not isinstance(x, Tensor):
        raise TypeError(f"The images are {type(x).__name__}. Give a tensor: torch.as_tensor(x).")
    if x.dim() != 4 or 0 in x.shape[1:]:
        raise ValueError(f"The images are {list(x.shape)}. Give [B, C, H, W], of one image x[None].")
    if not x.is_floating_point():
        raise TypeError(f"The images are {x.dtype}. Give floats in [0, 1]: of 0 to 255 x.float() / 255.")
    if not len(x):
        return
    low, high = (float(end) for end in x.detach().aminmax())
    if not math.isfinite(high - low):
        raise ValueError("The images hold pixels that are not finite (NaN or infinity). Leave these images out.")
    if (low < -_OUTSIDE or high > 1 + _OUTSIDE) and low > -SLIP and high < 1 + SLIP:
        raise ValueError(
            f"Pixels lie between {low:.6g} and {high:.6g}. Where an interpolation has left [0, 1], give x.clamp(0, 1)."
        )
    if low < -_OUTSIDE:
        raise ValueError(
            f"Pixels lie between {low:.3g} and {high:.3g}: normalised already? Give images in [0, 1], and put the "
            "normalisation into the network, as its first layer."
        )
    if high > 1 + _OUTSIDE:
        raise ValueError(f"Pixels lie between {low:.3g} and {high:.3g}: 0 to 255? Divide by 255, into [0, 1].")


def check_labels(y: Tensor, x: Tensor) -> None:
    """Raises ValueError, or TypeError, unless they are one whole number from 0 on for each image."""
    if not isinstance(y, Tensor):
        raise TypeError(f"The labels are {type(y).__name__}. Give a tensor: torch.as_tensor(y).")
    if y.is_floating_point() or y.is_complex() or y.dtype == torch.bool:
        hint = " Of one-hot labels give y.argmax(1)." if y.dim() == 2 else " Give y.long()."
        raise TypeError(f"The labels are {y.dtype} {list(y.shape)}, not class numbers, int64 [B].{hint}")
    if y.shape != x.shape[:1]:
        raise ValueError(
            f"The labels are {list(y.shape)} for {len(x)} images. Give one class number for each, int64 [B]."
        )
    if y.device != x.device:
        raise ValueError(f"The labels are on {y.device}, the images on {x.device}. Move one to the other with .to().")
    if len(y) and int(y.min()) < 0:
        raise ValueError(
            f"The smallest label is {int(y.min())}, often the mark of images without. Leave these images out."
        )
