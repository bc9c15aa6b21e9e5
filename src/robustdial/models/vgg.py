"""VGG with batch normalisation."""

from __future__ import annotations

from torch import Tensor, nn

from robustdial.models.layers import conv3

# Channels of each convolution in multiples of the width; 0 is a 2x2 max-pooling.
VGG16 = (1, 1, 0, 2, 2, 0, 4, 4, 4, 0, 8, 8, 8, 0, 8, 8, 8, 0)


class VGG(nn.Module):
    """VGG-16 with batch normalisation and one linear layer, the usual form for CIFAR.

    Source: Simonyan and Zisserman, Very Deep Convolutional Networks for Large-Scale Image Recognition, 2015. Departs
    from it in the norms and in the head (global mean and one layer in place of three). Its five poolings need images
    of 32x32 or more.

    Args:
        classes: number of logits.
        channels: of the input image.
        width: channels of the first stage.
    """

    def __init__(self, classes: int, channels: int = 3, width: int = 64) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for multiple in VGG16:
            if multiple:
                layers += [conv3(channels, width * multiple), nn.BatchNorm2d(width * multiple), nn.ReLU()]
                channels = width * multiple
            else:
                layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        self.fc = nn.Linear(channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.fc(self.features(x).mean((2, 3)))
        return logits
