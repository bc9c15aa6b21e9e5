"""ResNet for small images."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from robustdial.models.layers import conv1, conv3, stages


class ResNet(nn.Module):
    """ResNet with basic blocks and a 3x3 stem, as usual for CIFAR.

    Source: He et al., Deep Residual Learning for Image Recognition, 2016.

    Args:
        classes: number of logits.
        channels: of the input image.
        width: channels of the first stage; each later stage doubles them and halves the image.
        depths: blocks in each stage; (2, 2, 2, 2) is ResNet-18 and (3, 4, 6, 3) ResNet-34.
    """

    def __init__(self, classes: int, channels: int = 3, width: int = 64, depths: Sequence[int] = (2, 2, 2, 2)) -> None:
        super().__init__()
        self.conv1, self.bn1 = conv3(channels, width), nn.BatchNorm2d(width)
        self.blocks, last = stages(Block, width, width, depths)
        self.fc = nn.Linear(last, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.blocks(F.relu(self.bn1(self.conv1(x))))
        logits: Tensor = self.fc(x.mean((2, 3)))
        return logits

    def group_matcher(self, coarse: bool = False) -> dict[str, str]:
        """Which weights make up a layer, as the networks of timm say it; the others belong to the head."""
        return {"stem": r"^conv1|^bn1", "blocks": r"^blocks\.(\d+)"}


class Block(nn.Module):
    """Two 3x3 convolutions, each followed by its norm, beside a shortcut; ReLU of the sum."""

    def __init__(self, channels: int, out: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = conv3(channels, out, stride), nn.BatchNorm2d(out)
        self.conv2, self.bn2 = conv3(out, out), nn.BatchNorm2d(out)
        same = stride == 1 and channels == out
        self.shortcut = nn.Sequential() if same else nn.Sequential(conv1(channels, out, stride), nn.BatchNorm2d(out))

    def forward(self, x: Tensor) -> Tensor:
        branch = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(branch + self.shortcut(x))
