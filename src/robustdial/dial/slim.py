"""Slimmable layers: a narrow network is made of the leading channels of the wide one.

Each reads how many channels it is given from its input, so that what is between two layers (additions, pooling,
activations, attention over channels) needs to know nothing of widths.

Source: Yu et al., Slimmable Neural Networks, ICLR 2019; in adversarial training, OATS in Wang et al., Once-for-All
Adversarial Training, NeurIPS 2020. Written from the papers.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F

from robustdial.dial.narrow import cut_conv, cut_linear
from robustdial.dial.setting import Dial, Setting
from robustdial.precision import unsafe_last


class SlimConv2d(nn.Module):
    """A convolution whose width follows the dial.

    A grouped convolution keeps the channels of a group and has as many groups as its input fills.

    Args:
        layer: the convolution to replace.
        dial: where to read the setting.
        outs: output channels at each width, where it is not grouped.

    Attributes:
        ins: input channels at each width, as `dial()` saw them.
    """

    def __init__(self, layer: nn.Conv2d, dial: Dial, outs: Sequence[int]) -> None:
        super().__init__()
        self.layer, self.dial, self.outs = layer, dial, tuple(outs)
        self.ins = [layer.in_channels] * len(outs)

    def forward(self, x: Tensor) -> Tensor:
        layer, ins = self.layer, x.shape[1]
        outs, groups = self._shape(self.dial.setting.level, ins)
        skips = x.is_cpu and unsafe_last(layer.kernel_size, layer.stride, ins)
        if (ins, outs) == (layer.in_channels, layer.out_channels) and not skips:
            whole: Tensor = layer(x)
            return whole
        bias = None if layer.bias is None else layer.bias[:outs]
        weight = layer.weight[:outs, : ins // groups]
        if skips:  # the pixels that it reads, so that no stride is left
            return F.conv2d(_read(x, layer), weight, bias, groups=groups)
        return F.conv2d(x, weight, bias, layer.stride, layer.padding, layer.dilation, groups)

    def folded(self, setting: Setting) -> nn.Conv2d:
        """The convolution of one width."""
        ins = self.ins[setting.level]
        outs, groups = self._shape(setting.level, ins)
        return cut_conv(self.layer, ins, outs, groups)

    def channels(self, level: int) -> int:
        """Output channels at a width."""
        return self._shape(level, self.ins[level])[0]

    def _shape(self, level: int, ins: int) -> tuple[int, int]:
        """Output channels and groups for `ins` input channels."""
        layer = self.layer
        if layer.groups == 1:
            return self.outs[level], 1
        groups, rest = divmod(ins, layer.in_channels // layer.groups)
        if rest:
            raise ValueError(
                f"{ins} channels do not fill whole groups of {layer.in_channels // layer.groups}; choose other widths"
            )
        return groups * (layer.out_channels // layer.groups), groups

    # at the running width, for modules that read them instead of calling the layer
    @property
    def weight(self) -> Tensor:
        ins = self.ins[self.dial.setting.level]
        outs, groups = self._shape(self.dial.setting.level, ins)
        return self.layer.weight[:outs, : ins // groups]

    @property
    def bias(self) -> Tensor | None:
        outs = self.channels(self.dial.setting.level)
        return None if self.layer.bias is None else self.layer.bias[:outs]


def _read(x: Tensor, conv: nn.Conv2d) -> Tensor:
    """The pixels that a 1x1 convolution reads."""
    (down, across), padding = conv.stride, conv.padding
    if not isinstance(padding, str) and any(padding):
        x = F.pad(x, (padding[1], padding[1], padding[0], padding[0]))
    return x[..., ::down, ::across]


class SlimLinear(nn.Module):
    """A linear layer whose width follows the dial.

    Args:
        layer: the linear layer to replace.
        dial: where to read the setting.
        outs: output features at each width.

    Attributes:
        ins: input features at each width, as `dial()` saw them.
    """

    def __init__(self, layer: nn.Linear, dial: Dial, outs: Sequence[int]) -> None:
        super().__init__()
        self.layer, self.dial, self.outs = layer, dial, tuple(outs)
        self.ins = [layer.in_features] * len(outs)

    def forward(self, x: Tensor) -> Tensor:
        layer, ins, outs = self.layer, x.shape[-1], self.outs[self.dial.setting.level]
        if (ins, outs) == (layer.in_features, layer.out_features):
            whole: Tensor = layer(x)
            return whole
        return F.linear(x, layer.weight[:outs, :ins], None if layer.bias is None else layer.bias[:outs])

    def folded(self, setting: Setting) -> nn.Linear:
        """The linear layer of one width."""
        return cut_linear(self.layer, self.ins[setting.level], self.outs[setting.level])

    def channels(self, level: int) -> int:
        """Output features at a width."""
        return self.outs[level]

    # at the running width, for modules that read them instead of calling the layer, as attention does
    @property
    def weight(self) -> Tensor:
        level = self.dial.setting.level
        return self.layer.weight[: self.outs[level], : self.ins[level]]

    @property
    def bias(self) -> Tensor | None:
        outs = self.outs[self.dial.setting.level]
        return None if self.layer.bias is None else self.layer.bias[:outs]


Slim = SlimConv2d | SlimLinear
