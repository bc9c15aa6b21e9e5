"""Augmentation by a policy: RandAugment and its like, one draw for each image; or by a function of the user's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, get_args

import torch
from torch import Tensor

from robustdial.checks import fields_fit, nearest
from robustdial.data.augment import Augmentation, Then
from robustdial.data.base import Data, grey_levels
from robustdial.distributed import drawn
from robustdial.own_code import is_place, own, told

Name = Literal["randaugment", "trivialaugment", "autoaugment", "augmix"]

_KINDS = {
    "randaugment": "RandAugment",
    "trivialaugment": "TrivialAugmentWide",
    "autoaugment": "AutoAugment",
    "augmix": "AugMix",
}


@dataclass(frozen=True)
class Policy:
    """A policy of `torchvision.transforms.v2`, with the constants that it has there, on grey levels.

    Each image gets a draw of its own, from torch's generator on the CPU, which is that of the whole batch on however
    many processes it is played. Images in [0, 1] are rounded to 256 grey levels before.

    Source: Cubuk et al., RandAugment, NeurIPS 2020; Müller & Hutter, TrivialAugment, ICCV 2021; Cubuk et al.,
    AutoAugment, CVPR 2019 (its policy for ImageNet); Hendrycks et al., AugMix, ICLR 2020.

    Args:
        name: of the policy.

    >>> Policy("trivialaugment")(torch.zeros(2, 3, 8, 8, dtype=torch.uint8)).shape
    torch.Size([2, 3, 8, 8])
    """

    name: Name

    def __post_init__(self) -> None:
        fields_fit(self)

    def __call__(self, x: Tensor) -> Tensor:
        """The images `[B, C, H, W]`, uint8 or float in [0, 1], changed at random."""
        seeds = drawn(lambda x: torch.randint(2**62, (len(x),)), x).tolist()
        with torch.random.fork_rng([]):  # a policy draws on the CPU, wherever its images are
            images = [self._with_seed(image, seed) for image, seed in zip(_grey(x), seeds, strict=True)]
        changed = torch.stack(images)
        return changed.to(x.dtype) / 255 if x.is_floating_point() else changed

    def _with_seed(self, image: Tensor, seed: int) -> Tensor:
        torch.default_generator.manual_seed(seed)
        return self._policy(image)

    @cached_property
    def _policy(self) -> Callable[[Tensor], Tensor]:
        from torchvision.transforms import v2  # takes a while to import, and few trainings need it

        policy: Callable[[Tensor], Tensor] = getattr(v2, _KINDS[self.name])()
        return policy


def _grey(x: Tensor) -> Tensor:
    return grey_levels(x) if x.is_floating_point() else x


def check_augment(name: str) -> None:
    """Raises ValueError, with the nearest name, if there is no such policy and it is no place in a file."""
    if name not in get_args(Name) and not is_place(name):
        near = nearest(name, get_args(Name))
        raise ValueError(
            f"--augment {name} is not known. The nearest is {near}; all of them: {', '.join(_KINDS)}, or a function of "
            "yours, file.py:function."
        )


def with_augment(data: Data, name: str) -> Data:
    """The data with a policy after its own augmentation, or with a function of the user's (`file.py:function`) in place
    of that.

    Raises ValueError if there is none such, or it does not take images of so many channels.
    """
    check_augment(name)
    if is_place(name):
        return replace(data, augment=_own(name))
    if data.shape[0] not in (1, 3):
        raise ValueError(
            f"--augment {name} takes images of 1 or 3 channels, and these have {data.shape[0]}. Leave it out, or give "
            "a function of yours, file.py:function."
        )
    return replace(data, augment=Then(data.augment, Policy(name)))  # type: ignore[arg-type]


def _own(place: str) -> Callable[[Tensor], Tensor]:
    function = own(place, "--augment")
    if isinstance(function, Augmentation):
        return function

    def augment(x: Tensor) -> Tensor:
        with told(f"--augment {place} fails on images {list(x.shape)}"):
            changed: Tensor = function(x)
            return changed

    return augment
