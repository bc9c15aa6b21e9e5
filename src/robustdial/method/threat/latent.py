"""An image may be changed through the latent code of a generator."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import torch
from torch import Tensor

from robustdial.bounds import clipped
from robustdial.checks import finite, fits
from robustdial.method.threat.base import Threat, per_row
from robustdial.method.threat.box import Box
from robustdial.typing import Reach


class Generator(Protocol):
    """A generator whose latent code has named parts.

    Both methods keep to the device of what they are given. `decode` must be differentiable, and treat each row by
    itself: a generator with batch norm is in evaluation mode.
    """

    @property
    def levels(self) -> tuple[str, ...]:
        """Names of the parts, such as `coarse`, `fine`, `noise`."""
        ...

    def encode(self, x: Tensor) -> dict[str, Tensor]:
        """The parts of the code of images `[B, C, H, W]` in [0, 1], by name, each `[B, ...]`."""
        ...

    def decode(self, latents: Mapping[str, Tensor]) -> Tensor:
        """The images `[B, C, H, W]` in [0, 1] of such parts."""
        ...


@dataclass(frozen=True)
class Latent:
    r"""The latent code of an image may be changed at some of its levels, each number by at most its level's bound.

        adv = clip(x + G(s + d) - G(s)),  s = E(x),  |d_k| <= eps_level,    to [0, 1]

    G need not reproduce x: what its image gains is added to x, so that no change is x itself. A perturbation is one
    number per moved number of the code `[B, D]`, as a share of its bound, so that a signed step of size a moves every
    level by a times its bound. The radius is 1.

    Source: Poursaeed et al., Robustness and Generalization via Generative Adversarial Training, ICCV 2021, who move
    the styles and the noise of StyleGAN without a bound; the difference above and the bounds are of this library.

    Args:
        generator: encodes and decodes.
        bounds: largest change of each level that may move, in the generator's own unit; the others stay as they are.

    Raises:
        ValueError: no level, or a bound that is not positive; at the first image, a level that there is not.

    >>> class Negative:  # a code of two parts: the image itself, and how much lighter it is
    ...     levels = ("image", "light")
    ...     def encode(self, x): return {"image": x, "light": x.new_zeros(len(x), 1, 1, 1)}
    ...     def decode(self, latents): return latents["image"] + latents["light"]
    >>> threat = Latent(Negative(), {"light": 0.25})
    >>> threat.apply(torch.tensor([0.5, 0.9]).reshape(2, 1, 1, 1), torch.tensor([[-1.0], [1.0]])).flatten()
    tensor([0.2500, 1.0000])
    """

    generator: Generator
    bounds: Mapping[str, float]

    def __post_init__(self) -> None:
        fits("bounds", self.bounds, Mapping[str, float])
        if not self.bounds:
            raise ValueError("An adversary that may change no level is none. Give the bound of one, as fine=0.5.")
        for level, bound in self.bounds.items():
            finite(level, bound)
            if not bound > 0:
                raise ValueError(f"The bound {bound:g} of level {level!r} leaves no room. Give a positive one.")

    @property
    def name(self) -> str:
        return "Latent"

    @property
    def radius(self) -> float:
        return 1.0

    def around(self, x: Tensor) -> Threat:
        """The box of codes around those of the images `x`."""
        unknown = [level for level in self.bounds if level not in self.generator.levels]
        if unknown:
            known = ", ".join(self.generator.levels)
            raise ValueError(f"The generator has no level {unknown[0]!r}. Its levels are {known}.")
        with torch.no_grad():
            codes = self.generator.encode(x)
        return Box(_Edit(self.generator, codes, self.bounds))

    def noise(self, x: Tensor, reach: Reach, amount: float) -> Tensor:
        return self.around(x).noise(x, reach, amount)

    def ascend(self, z: Tensor, gradient: Tensor, size: Reach) -> Tensor:
        return z + per_row(size, z) * gradient.sign()

    def project(self, z: Tensor, x: Tensor, reach: Reach) -> Tensor:
        return self.around(x).project(z, x, reach)

    def apply(self, x: Tensor, z: Tensor) -> Tensor:
        return self.around(x).apply(x, z)


@dataclass(frozen=True)
class _Edit:
    """What shares of the bounds do to the images that `codes` belong to."""

    generator: Generator
    codes: dict[str, Tensor]
    bounds: Mapping[str, float]

    def low(self, x: Tensor) -> Tensor:
        return -torch.ones(sum(self._sizes), device=x.device, dtype=x.dtype)

    def __call__(self, x: Tensor, z: Tensor) -> Tensor:
        parts, codes = torch.split(z, self._sizes, dim=1), dict(self.codes)
        for (level, bound), part in zip(self.bounds.items(), parts, strict=True):
            codes[level] = codes[level] + bound * part.reshape(codes[level].shape)
        return clipped(x + self.generator.decode(codes) - self._made)

    @cached_property
    def _made(self) -> Tensor:
        with torch.no_grad():
            return self.generator.decode(self.codes)

    @property
    def _sizes(self) -> list[int]:
        return [math.prod(self.codes[level].shape[1:]) for level in self.bounds]
