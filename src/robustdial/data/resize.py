"""Images of one size in a tensor -> squares of another size."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def resized(x: Tensor, size: int | None) -> Tensor:
    """Square images `[N, C, H, H]` as `[N, C, size, size]`; None leaves them."""
    if size is None or x.shape[2:] == (size, size):
        return x
    return F.interpolate(x, (size, size), mode="bilinear", antialias=True)
