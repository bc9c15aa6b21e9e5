"""A small style-based generator, and the encoder that finds the styles of an image."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import torch
from torch import Tensor, nn

from robustdial.checks import whole
from robustdial.generator.layers import Styled, ToImage, dense, shrinking

LEVELS = "coarse", "middle", "fine"
NOISE = "noise"
SMALLEST = 1e-3
"""Least spread of a style: one that no image uses is not blown up."""


class StyleGenerator(nn.Module):
    r"""Images from styles at three levels and noise, and back.

        w = M(z, class),  s_l = A_l(w) for each layer l,  x = G(s, n)

    Layers at the coarsest sides take their styles from level `coarse`, those at half the side of the image from
    `middle`, those at its full side from `fine`; `noise` is one number per pixel of every layer, zero for an encoded
    image. A style is measured in standard deviations: its value is divided by its spread over the training images.

    The encoder reads a w of its own for each level from an image.

    Source: Karras et al., A Style-Based Generator Architecture for Generative Adversarial Networks, CVPR 2019; Karras
    et al., Analyzing and Improving the Image Quality of StyleGAN, CVPR 2020.

    Args:
        shape: (C, H, W) of the images; both sides can be halved twice.
        classes: number of classes.
        width: channels at the full side; each halving doubles them, up to eight times as many.
        latent: length of z and of w.

    Raises:
        ValueError: the sides cannot be halved twice.

    >>> net = StyleGenerator((1, 8, 8), classes=10, width=4, latent=8)
    >>> {level: tuple(value.shape) for level, value in net.encode(torch.rand(2, 1, 8, 8)).items()}
    {'coarse': (2, 16), 'middle': (2, 24), 'fine': (2, 16), 'noise': (2, 164)}
    """

    def __init__(self, shape: tuple[int, int, int], classes: int, width: int = 16, latent: int = 64) -> None:
        super().__init__()
        for name, value in {"classes": classes, "width": width, "latent": latent}.items():
            whole(name, value, least=1)
        sides = sides_of(shape)
        widths = [width * min(8, 2**i) for i in range(len(sides))]
        self.shape, self.classes, self.latent = shape, classes, latent
        self.embedding = nn.Embedding(classes, latent)
        self.mapping = nn.Sequential(dense(2 * latent, latent, latent, latent), nn.Linear(latent, len(LEVELS) * latent))
        self.constant = nn.Parameter(torch.randn(1, widths[-1], *sides[-1]))
        self.layers = nn.ModuleList(_layers(latent, shape[0], sides, widths))
        # the last two sides are those of `middle` and `fine`, all coarser ones are `coarse`
        self.level_of = [LEVELS[max(0, 2 - sides.index(layer.side))] for layer in self._styled()]
        head = nn.Linear(widths[-1] * sides[-1][0] * sides[-1][1], len(LEVELS) * latent)
        self.encoder = nn.Sequential(*shrinking(shape[0], widths), nn.Flatten(), head)
        for level in LEVELS:
            self.register_buffer(f"spread_{level}", torch.ones(sum(self._sizes(level))))

    @property
    def levels(self) -> tuple[str, ...]:
        """Names of what can be moved."""
        return (*LEVELS, NOISE)

    def encode(self, x: Tensor) -> dict[str, Tensor]:
        """What `decode` makes the nearest image to `x` from: styles of each level `[B, D]`, and no noise.

        Raises ValueError if the images have another shape than the generator's.
        """
        if x.shape[1:] != self.shape:
            its, given = ("x".join(map(str, shape)) for shape in (self.shape, x.shape[1:]))
            raise ValueError(
                f"The generator makes images of {its}, these are {given}. Train one on this data: robustdial generator."
            )
        return self.styles(self.read(x)) | {NOISE: x.new_zeros(len(x), self.noise_size)}

    def decode(self, latents: Mapping[str, Tensor]) -> Tensor:
        """Images `[B, C, H, W]` in [0, 1] of styles and noise. Noise may be left out."""
        places = {level: self._split(level, latents[level]) for level in LEVELS}
        noise = self._noise_maps(latents[NOISE]) if NOISE in latents else [None] * len(self.layers)
        x = self.constant.expand(len(latents[LEVELS[0]]), -1, -1, -1)
        for layer, level, around in zip(self._styled(), self.level_of, noise, strict=True):
            x = layer(x, places[level].pop(0), around)
        return x.sigmoid()

    def read(self, x: Tensor) -> Tensor:
        """A w for each level `[B, 3, latent]` of images."""
        found: Tensor = self.encoder(2 * x - 1)
        return self._each_of_unit_length(found)

    def map(self, z: Tensor, y: Tensor) -> Tensor:
        """A w for each level `[B, 3, latent]` of normal numbers `[B, latent]` and classes `[B]`."""
        found: Tensor = self.mapping(torch.cat([unit_length(z), unit_length(self.embedding(y))], dim=1))
        return self._each_of_unit_length(found)

    def styles(self, w: Tensor) -> dict[str, Tensor]:
        """Styles of each level, in standard deviations, from a w for each `[B, 3, latent]`."""
        return {
            level: torch.cat([layer.affine(w[:, i]) for layer in self._of(level)], dim=1) / self.spread(level)
            for i, level in enumerate(LEVELS)
        }

    def sample(self, y: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """A random image of each class in `y` `[B]`."""

        def normal(size: int) -> Tensor:
            return torch.randn(len(y), size, generator=generator).to(self.constant)

        w = self.map(normal(self.latent), y)
        return self.decode(self.styles(w) | {NOISE: normal(self.noise_size)})

    def spread(self, level: str) -> Tensor:
        """Standard deviation of each style of a level over the training images `[D]`."""
        spread: Tensor = getattr(self, f"spread_{level}")
        return spread.clamp_min(SMALLEST)

    @torch.no_grad()
    def follow(self, w: Tensor, share: float) -> None:
        """Let the spreads move by `share` towards those of the styles that belong to `w`; the images stay the same."""
        for level, styles in self.styles(w).items():
            spread: Tensor = getattr(self, f"spread_{level}")
            spread.lerp_(styles.std(0) * self.spread(level), share)

    def _each_of_unit_length(self, w: Tensor) -> Tensor:
        return unit_length(w.reshape(-1, self.latent)).reshape(-1, len(LEVELS), self.latent)

    @property
    def noise_size(self) -> int:
        """Numbers of noise of one image."""
        return sum(height * width for height, width in self._noisy())

    def _noise_maps(self, noise: Tensor) -> list[Tensor | None]:
        sides = self._noisy()
        parts = torch.split(noise, [height * width for height, width in sides], dim=1)
        return [*(part.reshape(-1, 1, *side) for part, side in zip(parts, sides, strict=True)), None]

    def _noisy(self) -> list[tuple[int, int]]:
        return [layer.side for layer in self._styled()[:-1]]  # the last makes the image, without noise

    def _split(self, level: str, styles: Tensor) -> list[Tensor]:
        return list(torch.split(styles * self.spread(level), self._sizes(level), dim=1))

    def _sizes(self, level: str) -> list[int]:
        return [layer.weight.shape[1] for layer in self._of(level)]

    def _of(self, level: str) -> list[Styled | ToImage]:
        return [layer for layer, its in zip(self._styled(), self.level_of, strict=True) if its == level]

    def _styled(self) -> list[Styled | ToImage]:
        return list(self.layers)  # type: ignore[arg-type]


class Critic(nn.Module):
    """Tells images of the data from those of the generator: a score `[B]`, high for the former.

    The class enters as a projection: Miyato & Koyama, cGANs with Projection Discriminator, ICLR 2018.

    Args:
        shape, classes, width: as of the generator.
    """

    def __init__(self, shape: tuple[int, int, int], classes: int, width: int = 16) -> None:
        super().__init__()
        sides = sides_of(shape)
        widths = [width * min(8, 2**i) for i in range(len(sides))]
        self.blocks = nn.ModuleList(
            nn.Sequential(*pair) for pair in zip(*[iter(shrinking(shape[0], widths))] * 2, strict=True)
        )
        features = 8 * width
        self.last = nn.Sequential(
            nn.Flatten(), nn.Linear(widths[-1] * sides[-1][0] * sides[-1][1], features), nn.LeakyReLU(0.2)
        )
        self.score = nn.Linear(features, 1)
        self.embedding = nn.Embedding(classes, features)

    def features(self, x: Tensor) -> list[Tensor]:
        """What it sees in images, from block to block."""
        seen = [2 * x - 1]
        for block in self.blocks:
            seen.append(block(seen[-1]))
        return seen[1:]

    def judge(self, features: list[Tensor], y: Tensor) -> Tensor:
        """The score of what it saw, as an image of class `y`."""
        last: Tensor = self.last(features[-1])
        score: Tensor = self.score(last)[:, 0] + (last * self.embedding(y)).sum(1) / last.shape[1] ** 0.5
        return score

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return self.judge(self.features(x), y)


def sides_of(shape: tuple[int, int, int]) -> list[tuple[int, int]]:
    """(height, width) of the layers, from the image's own down: halved at least twice, and on while above 7.

    >>> sides_of((1, 28, 28)), sides_of((3, 32, 32))[-1], sides_of((1, 8, 8))[-1]
    ([(28, 28), (14, 14), (7, 7)], (4, 4), (2, 2))
    """
    sides = [(shape[1], shape[2])]
    while min(sides[-1]) > 7 or len(sides) < 3:
        height, width = sides[-1]
        if height % 2 or width % 2:
            if len(sides) >= 3:
                break
            raise ValueError(
                f"Images of {shape[1]}x{shape[2]} cannot be halved twice. Give --size {-(-shape[1] // 4) * 4}."
            )
        sides.append((height // 2, width // 2))
    return sides


def unit_length(z: Tensor) -> Tensor:
    """Rows of mean square 1."""
    return z * (z.square().mean(1, keepdim=True) + 1e-8).rsqrt()


def _layers(latent: int, channels: int, sides: list[tuple[int, int]], widths: list[int]) -> list[Styled | ToImage]:
    layers: list[Styled | ToImage] = [Styled(latent, widths[-1], widths[-1], sides[-1])]
    for (wide, narrow), side in zip(pairwise(reversed(widths)), reversed(sides[:-1]), strict=True):
        layers += [Styled(latent, wide, narrow, side, up=True), Styled(latent, narrow, narrow, side)]
    return [*layers, ToImage(latent, widths[0], channels, sides[0])]
