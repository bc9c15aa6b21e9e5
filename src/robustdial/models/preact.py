"""Pre-activation ResNet for small images."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from robustdial.models.layers import conv1, conv3, stages


class PreActResNet(nn.Module):
    """Pre-activation ResNet with basic blocks, a 3x3 stem and a final norm; the usual network of fast training papers.

    Source: He et al., Identity Mappings in Deep Residual Networks, 2016.

    Args:
        classes: number of logits.
        channels: of the input image.
        width: channels of the first stage; each later stage doubles them and halves the image.
        depths: blocks in each stage; (2, 2, 2, 2) is PreAct-ResNet-18.
    """

    def __init__(self, classes: int, channels: int = 3, width: int = 64, depths: Sequence[int] = (2, 2, 2, 2)) -> None:
        super().__init__()
        self.conv1 = conv3(channels, width)
        self.blocks, last = stages(PreActBlock, width, width, depths)
        self.bn = nn.BatchNorm2d(last)
        self.fc = nn.Linear(last, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn(self.blocks(self.conv1(x))))
        logits: Tensor = self.fc(x.mean((2, 3)))
        return logits

    def group_matcher(self, coarse: bool = False) -> dict[str, str]:
        """Which weights make up a layer, as the networks of timm say it; the others belong to the head."""
        return {"stem": r"^conv1", "blocks": r"^blocks\.(\d+)"}


class PreActBlock(nn.Module):
    """Norm and activation before each of two 3x3 convolutions, beside a shortcut; nothing after the sum.

    A shortcut that changes its channels or its size starts from activation(bn1(x)), as the branch does.
    """

    def __init__(
        self,
        channels: int,
        out: int,
        stride: int,
        dropout: float = 0.0,
        activation: Callable[[Tensor], Tensor] = F.relu,
    ) -> None:
        super().__init__()
        self.activation = activation
        self.bn1, self.conv1 = nn.BatchNorm2d(channels), conv3(channels, out, stride)
        self.bn2, self.conv2 = nn.BatchNorm2d(out), conv3(out, out)
        self.dropout = nn.Dropout(dropout)
        self.shortcut = None if stride == 1 and channels == out else conv1(channels, out, stride)

    def forward(self, x: Tensor) -> Tensor:
        start = self.activation(self.bn1(x))
        branch: Tensor = self.conv2(self.dropout(self.activation(self.bn2(self.conv1(start)))))
        return branch + (x if self.shortcut is None else self.shortcut(start))
