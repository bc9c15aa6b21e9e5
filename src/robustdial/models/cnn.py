"""A small convolutional network for small images."""

from __future__ import annotations

from torch import nn

from robustdial.models.layers import conv3


class CNN(nn.Sequential):
    """Four 3x3 convolutions, two of them with stride 2, global average pooling and one linear layer.

    130 thousand parameters at `width=32`: an epoch of 8x8 or 28x28 grey images takes seconds on a laptop, and any
    image size works.

    Args:
        classes: number of logits.
        channels: of the input image.
        width: channels of the first layer; the last has four times as many.
    """

    def __init__(self, classes: int, channels: int = 1, width: int = 32) -> None:
        super().__init__(
            *_layer(channels, width),
            *_layer(width, 2 * width, stride=2),
            *_layer(2 * width, 2 * width),
            *_layer(2 * width, 4 * width, stride=2),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(4 * width, classes),
        )


def _layer(channels: int, out: int, stride: int = 1) -> tuple[nn.Module, ...]:
    return conv3(channels, out, stride), nn.BatchNorm2d(out), nn.ReLU()
