"""What the residual networks have in common: convolutions, shortcuts and stages."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import nn


def conv3(channels: int, out: int, stride: int = 1) -> nn.Conv2d:
    """A 3x3 convolution that divides the image size by `stride`; a norm layer is near, so it has no bias."""
    return nn.Conv2d(channels, out, 3, stride=stride, padding=1, bias=False)


def conv1(channels: int, out: int, stride: int) -> nn.Conv2d:
    """The 1x1 convolution of a shortcut that changes its channels or its size."""
    return nn.Conv2d(channels, out, 1, stride=stride, bias=False)


def stages(
    block: Callable[[int, int, int], nn.Module], channels: int, width: int, depths: Sequence[int]
) -> tuple[nn.Sequential, int]:
    """Blocks `block(channels, out, stride)` in a row, and the channels that leave the last.

    Args:
        channels: that enter the first block.
        width: channels of the first stage; each later stage doubles them and halves the image.
        depths: blocks in each stage.
    """
    blocks = nn.Sequential()
    for stage, depth in enumerate(depths):
        out = width * 2**stage
        for place in range(depth):
            blocks.append(block(channels, out, 2 if stage and not place else 1))
            channels = out
    return blocks, channels
