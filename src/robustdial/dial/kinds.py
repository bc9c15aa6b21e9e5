"""Which layers a dial knows, and where their channels are."""

from __future__ import annotations

import math

import torch
from torch import nn

BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
INSTANCE_NORMS = (nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d)
NORMS = (*BATCH_NORMS, *INSTANCE_NORMS, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm)
WEIGHTED = (nn.Conv2d, nn.Linear)
_CHANNELS_SECOND = (*BATCH_NORMS, *INSTANCE_NORMS, nn.GroupNorm, nn.Conv2d)

NO_FAST_PATH = math.nan
"""The `eps` of what stands in the place of a norm. nn.TransformerEncoderLayer compares the eps of its norms before it
reads their weights and computes without calling them; this one equals nothing."""


def channel_dim(module: nn.Module) -> int:
    """The dimension of a layer's input and output that holds its channels.

    >>> channel_dim(nn.Conv2d(3, 4, 1)), channel_dim(nn.Linear(3, 4)), channel_dim(nn.LayerNorm(8))
    (1, -1, -1)
    """
    if isinstance(module, nn.Linear):
        return -1
    return 1 if isinstance(module, _CHANNELS_SECOND) or _channels_first(module) else -1


def channels_of(module: nn.Module) -> int:
    """Channels that a norm, a convolution or a linear layer gives.

    >>> channels_of(nn.Conv2d(3, 4, 1)), channels_of(nn.RMSNorm(8))
    (4, 8)
    """
    known = ("num_features", "num_channels", "out_channels", "out_features")
    count = next((getattr(module, name) for name in known if hasattr(module, name)), None)
    if count is None:
        count = getattr(module, "normalized_shape", None)
        count = getattr(module, "weight", torch.empty(0)).shape[:1] if count is None else count
        count = count[0]
    return int(count)  # type: ignore[arg-type]


def _channels_first(norm: nn.Module) -> bool:
    """Whether a norm was written for `[B, C, H, W]`, as the layer norms of ConvNeXt: it then takes such images."""
    channels, weight = channels_of(norm), next(norm.parameters(), torch.empty(0))
    # a last side that is not `channels` fails, or gives another shape, where the channels should come last
    x = torch.zeros(1, channels, 1, 1 + (channels == 1), device=weight.device, dtype=weight.dtype)
    try:
        with torch.no_grad():
            return bool(norm(x).shape == x.shape)
    except (RuntimeError, ValueError, IndexError, AssertionError):
        return False
