"""A layer of the generator: a convolution whose input channels are weighed by a style, and noise."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SLOPE, GAIN = 0.2, 2**0.5


class Styled(nn.Module):
    r"""Convolution under a style, demodulated; then noise with a learned scale, bias and leaky ReLU.

    Channel i of the input is multiplied by s_i, and channel o of the output divided by the length of the weights that
    it has then seen, sqrt(sum_ik (s_i w_oik)^2): the modulated convolution of StyleGAN2, as one convolution with
    weights that all images share.

    Source: Karras et al., Analyzing and Improving the Image Quality of StyleGAN, CVPR 2020, section 2.2.

    Args:
        width: length of w.
        inputs, outputs: channels.
        side: (height, width) of the output; twice that of the input where `up`.
        up: double the sides first.
    """

    def __init__(self, width: int, inputs: int, outputs: int, side: tuple[int, int], *, up: bool = False) -> None:
        super().__init__()
        self.side, self.up = side, up
        self.weight = nn.Parameter(torch.randn(outputs, inputs, 3, 3) / (9 * inputs) ** 0.5)
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.affine = nn.Linear(width, inputs)
        nn.init.ones_(self.affine.bias)
        self.strength = nn.Parameter(torch.full((), 0.1))

    def forward(self, x: Tensor, style: Tensor, noise: Tensor | None) -> Tensor:
        """`[B, outputs, *side]` from `[B, inputs, ...]`, a style `[B, inputs]` and noise `[B, 1, *side]`."""
        if self.up:
            x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
        x = F.conv2d(x * style[:, :, None, None], self.weight, padding=1)
        lengths = (style.square() @ self.weight.square().sum((2, 3)).T + 1e-8).sqrt()
        x = x / lengths[:, :, None, None]
        if noise is not None:
            x = x + self.strength * noise
        return GAIN * F.leaky_relu(x + self.bias[:, None, None], SLOPE)


class ToImage(nn.Module):
    """The last layer, which makes an image: each pixel by itself, under a style, with neither demodulation nor noise.

    Args:
        width: length of w.
        inputs, outputs: channels.
        side: (height, width) of the image.
    """

    def __init__(self, width: int, inputs: int, outputs: int, side: tuple[int, int]) -> None:
        super().__init__()
        self.side = side
        self.weight = nn.Parameter(torch.randn(outputs, inputs, 1, 1) / inputs**0.5)
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.affine = nn.Linear(width, inputs)
        nn.init.ones_(self.affine.bias)

    def forward(self, x: Tensor, style: Tensor, noise: Tensor | None) -> Tensor:
        """`[B, outputs, *side]` from `[B, inputs, *side]` and a style `[B, inputs]`; noise is not looked at."""
        return F.conv2d(x * style[:, :, None, None], self.weight, self.bias)


def dense(*sizes: int) -> nn.Sequential:
    """Fully connected layers, each with a leaky ReLU."""
    return nn.Sequential(*(layer for a, b in pairwise(sizes) for layer in (nn.Linear(a, b), nn.LeakyReLU(SLOPE))))


def shrinking(channels: int, widths: list[int]) -> list[nn.Module]:
    """Convolutions that read an image: one at its size, then one for each further width at half the sides."""
    layers: list[nn.Module] = [nn.Conv2d(channels, widths[0], 3, padding=1), nn.LeakyReLU(SLOPE)]
    for a, b in pairwise(widths):
        layers += [nn.Conv2d(a, b, 4, stride=2, padding=1), nn.LeakyReLU(SLOPE)]
    return layers
