"""Wide residual networks."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch.nn.functional as F
from torch import Tensor, nn

from robustdial.models.layers import conv3, stages
from robustdial.models.preact import PreActBlock


class WideResNet(nn.Module):
    """WRN-depth-k: three stages of pre-activation blocks, wide instead of deep.

    Source: Zagoruyko and Komodakis, Wide Residual Networks, 2016.

    Args:
        classes: number of logits.
        channels: of the input image.
        width: channels of the first stage, 16 k: 160 for WRN-34-10. The second and third stage double them.
        depth: 6 n + 4, with n blocks per stage.
        dropout: probability, between the two convolutions of a block (0.3 in the OAT runs on SVHN and STL-10).
        activation: between the layers; the robust networks since Gowal et al. (2020) have `F.silu`, called Swish there.

    Raises:
        ValueError: if `depth` is not 6 n + 4.
    """

    def __init__(
        self,
        classes: int,
        channels: int = 3,
        width: int = 160,
        depth: int = 34,
        dropout: float = 0.0,
        activation: Callable[[Tensor], Tensor] = F.relu,
    ) -> None:
        super().__init__()
        if depth < 10 or (depth - 4) % 6:
            raise ValueError(f"depth={depth} is not 6 n + 4. Choose 10, 16, 22, 28, 34, 40, ...")
        self.conv1, self.activation = conv3(channels, 16), activation
        block = partial(PreActBlock, dropout=dropout, activation=activation)
        self.blocks, last = stages(block, 16, width, [(depth - 4) // 6] * 3)
        self.bn = nn.BatchNorm2d(last)
        self.fc = nn.Linear(last, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.activation(self.bn(self.blocks(self.conv1(x))))
        logits: Tensor = self.fc(x.mean((2, 3)))
        return logits

    def group_matcher(self, coarse: bool = False) -> dict[str, str]:
        """Which weights make up a layer, as the networks of timm say it; the others belong to the head."""
        return {"stem": r"^conv1", "blocks": r"^blocks\.(\d+)"}
