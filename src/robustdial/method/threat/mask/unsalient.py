"""The background is what a trained network looks at least."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from robustdial.checks import fields_fit
from robustdial.logits import guarded
from robustdial.typing import Classifier

_ROWS = 32  # images the network sees at once
_REACH = 3  # side of the window over which saliency is averaged


@dataclass(frozen=True)
class Unsalient:
    """Pixels where the gradient of a network's loss, taken at its own answer, is small.

    Saliency is the largest absolute value over the channels, averaged over 3 x 3 pixels. Of the loss only its
    direction matters: instead of the cross-entropy, whose gradient vanishes where the network is sure, its logit is
    differentiated, which gives the same order of the pixels.
    Source: Simonyan, Vedaldi & Zisserman, Deep Inside Convolutional Networks, ICLR workshop 2014, for saliency.

    Args:
        network: in evaluation mode.
        percentile: of 100 pixels so many count as background, those of least saliency; pixels as salient as the last
            of them join it.
        guide, weights: where the network is from, and a fingerprint of it, for the record.

    >>> looks_left = lambda x: torch.stack([x[..., :2].mean((1, 2, 3)), 0.1 * x[..., 2:].mean((1, 2, 3))], dim=1)
    >>> Unsalient(looks_left, 25)(torch.rand(1, 1, 2, 4)).flatten(2)
    tensor([[[0., 0., 0., 1., 0., 0., 0., 1.]]])
    """

    network: Classifier | None = field(repr=False)
    percentile: float = 50.0
    guide: str = ""
    weights: str | None = None

    def __post_init__(self) -> None:
        fields_fit(self)
        if not 0 < self.percentile <= 100:
            raise ValueError(f"percentile={self.percentile:g} leaves no background. Give a number above 0, up to 100.")
        if isinstance(self.network, nn.Module) and self.network.training:
            raise ValueError("The network that makes the masks is in training mode. Call network.eval() first.")

    def __call__(self, x: Tensor) -> Tensor:
        return torch.cat([self._of(part) for part in torch.split(x, _ROWS)])

    def _of(self, x: Tensor) -> Tensor:
        # always as many rows: in a batch of another size sums round otherwise, and a mask may then differ by a pixel
        saliency = self._saliency(F.pad(x, (0, 0) * 3 + (0, _ROWS - len(x))))[: len(x)]
        salient = F.avg_pool2d(saliency, _REACH, stride=1, padding=_REACH // 2, count_include_pad=False)
        flat = salient.flatten(1)
        least = flat.kthvalue(max(1, math.floor(self.percentile / 100 * flat.shape[1])), dim=1, keepdim=True).values
        return (flat <= least).to(x).reshape_as(salient)

    def _saliency(self, x: Tensor) -> Tensor:
        if self.network is None:
            raise ValueError(f"The network that makes the masks, {self.guide or 'any'}, has not been opened.")
        x = x.detach().requires_grad_()
        with torch.enable_grad():
            logits = guarded(self.network)(x)
            own = logits.argmax(1, keepdim=True)
            others = logits.scatter(1, own, -torch.inf).logsumexp(1)
            (gradient,) = torch.autograd.grad((others - logits.gather(1, own)[:, 0]).sum(), x)
        return gradient.abs().amax(1, keepdim=True)
