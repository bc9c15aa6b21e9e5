"""A threat is the set in which the adversary may move, and the geometry of moving in it.

A perturbation `z` is whatever the threat says it is: an offset in pixels, a vector of attributes, a latent code.
Solvers know it only through four verbs. Each verb takes `reach`, the share of the radius that each row may use
(`[B]`, or one number for all rows), so that one batch can hold adversaries of different strength.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from robustdial.typing import Reach


class Threat(Protocol):
    """Where the adversary may move."""

    @property
    def name(self) -> str:
        """As it stands in reports, such as `Linf`."""
        ...

    @property
    def radius(self) -> float:
        """Size of the set at `reach` 1, in the unit of `z`."""
        ...

    def noise(self, x: Tensor, reach: Reach, amount: float) -> Tensor:
        """A random `z` inside the share `amount` (0 to 1) of the set around `x`; zero for `amount` 0."""
        ...

    def ascend(self, z: Tensor, gradient: Tensor, size: Reach) -> Tensor:
        """The steepest step of length `size` (one number or `[B]`) from `z` along `gradient`, not yet projected."""
        ...

    def project(self, z: Tensor, x: Tensor, reach: Reach) -> Tensor:
        """A perturbation near `z` in the set, for `x`: the perturbed image is in [0, 1]. `z` itself if it is there."""
        ...

    def apply(self, x: Tensor, z: Tensor) -> Tensor:
        """The perturbed images, differentiable in `z`."""
        ...


@runtime_checkable
class Ball(Threat, Protocol):
    """A threat that is a ball around the image: an image tells by itself whether it is inside."""

    def distance(self, x: Tensor, adv: Tensor) -> Tensor:
        """How far `adv` is from `x` per row `[B]`, in the unit of `radius`."""
        ...

    def of_radius(self, radius: float) -> Ball:
        """The ball of another radius."""
        ...


@runtime_checkable
class Settling(Threat, Protocol):
    """A threat that depends on the images through something costly, a mask or a code, and can prepare it."""

    def around(self, x: Tensor) -> Threat:
        """The same threat for these images alone, in this order: every verb gives the same, only sooner."""
        ...


def settled(threat: Threat, x: Tensor) -> Threat:
    """`threat`, prepared for the images `x` if that makes it quicker."""
    return threat.around(x) if isinstance(threat, Settling) else threat


def per_row(value: Reach, like: Tensor) -> Reach:
    """`value` shaped so that it broadcasts over the rows of `like`: a number as it is, `[B]` as `[B, 1, ...]`."""
    return value.reshape(-1, *[1] * (like.dim() - 1)) if isinstance(value, Tensor) else value


def tensor_per_row(value: Reach, like: Tensor) -> Tensor:
    """`per_row` as a tensor beside `like` and of its type; a number is written there, so that no copy is waited for."""
    rows = per_row(value, like)
    return rows.to(like) if isinstance(rows, Tensor) else like.new_full((), rows)


def within_image(z: Tensor, x: Tensor) -> Tensor:
    """`z` clipped so that `x + z` is in [0, 1]."""
    return torch.clamp(z, -x, 1 - x)
