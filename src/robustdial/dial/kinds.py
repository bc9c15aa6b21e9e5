"""Which layers a dial knows, and where their channels are."""

from __future__ import annotations

import math

import torch
from torch import nn

BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
INSTANCE_NORMS = (nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d)
NORMS = (*BATCH_NORMS, *INSTANCE_NORMS, nn.LayerNorm, nn.GroupNorm)
WEIGHTED = (nn.Conv2d, nn.Linear)

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
    return -1 if isinstance(module, nn.LayerNorm) and not _channels_first(module) else 1


def _channels_first(norm: nn.LayerNorm) -> bool:
    """Whether a layer norm was written for `[B, C, H, W]`, as in ConvNeXt: it then takes such images."""
    channels, weight = norm.normalized_shape[0], next(norm.parameters(), torch.empty(0))
    try:
        with torch.no_grad():
            # a last side that is not `channels` fails where the channels should come last
            norm(torch.zeros(1, channels, 1, 1 + (channels == 1), device=weight.device, dtype=weight.dtype))
    except RuntimeError:
        return False
    return True
