"""MixedNUTS: the robust network's logits are bent, so that it is bold where it is right and meek where it is not.

A robust network is surer of its right answers, attacked or not, than of its wrong ones. Three numbers make this
difference as large as it can be made, on validation images, before its probabilities are mixed with another network's.

Source: Bai et al., MixedNUTS: Training-Free Accuracy-Robustness Balance via Nonlinearly Mixed Classifiers, TMLR 2024.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

_TOP = 250  # of many classes, those that the normalisation looks at, as in the authors' code
_SCALES = tuple(0.05 * 100 ** (i / 7) for i in range(8))  # 0.05 to 5
_POWERS = tuple(1 + 3 * i / 7 for i in range(8))  # 1 to 4
_BIASES = tuple(-1.1 + 1.1 * i / 7 for i in range(8))  # -1.1 to 0


@dataclass(frozen=True)
class Nuts:
    r"""Logits to logits with the same largest one.

        h -> s |g|^p sign(g),   g = GELU(LN(h) + c)

    LN takes mean and standard deviation over the classes.

    Args:
        scale: s.
        power: p, at least 1: below, the gradient is infinite where g = 0.
        bias: c.

    >>> Nuts(1.0, 2.0, -0.5)(torch.tensor([[0.0, 1.0, 5.0]])).argmax(1)
    tensor([2])
    """

    scale: float = 1.0
    power: float = 1.0
    bias: float = 0.0

    def __post_init__(self) -> None:
        if not self.scale > 0 or not self.power >= 1:
            raise ValueError(
                f"scale={self.scale:g}, power={self.power:g}: give a positive scale, and a power from 1 on."
            )

    def __call__(self, logits: Tensor) -> Tensor:
        """Logits `[B, K]` of images, bent."""
        top = logits if logits.shape[1] <= _TOP else logits.topk(_TOP, dim=1).values
        centred, deviation = logits - top.mean(1, keepdim=True), torch.sqrt(top.var(1, keepdim=True) + 1e-8)
        bent = F.gelu(centred / deviation + self.bias)
        return self.scale * bent.abs() ** self.power * bent.sign()


class Fit(NamedTuple):
    """What `fitted` found."""

    nuts: Nuts
    share: float
    """Of the robust network, with which it decides against any other wherever it is as sure as on the attacked images
    it withstands, but for a share `1 - keep` of these."""
    sure: float
    """Share of its wrong answers to clean images of which it is as sure: what the mixture cannot put right."""


def fitted(attacked: Tensor, wrong: Tensor, keep: float = 0.985) -> Fit:
    """The constants with which the fewest wrong answers are given as surely as right ones under attack.

    A grid of 8 x 8 x 8 over the ranges of the authors' configurations. Sure of an answer is a network by its margin:
    the largest probability without the second. Of equals the one that leaves the other network the larger share.

    Args:
        attacked: logits of attacked images that the robust network withstands `[N, K]`.
        wrong: its logits of clean images that it takes for something else `[M, K]`.
        keep: share of the images withstood on which the mixture must not give in, beta in the paper.

    Raises ValueError if there are no images of one of the two.
    """
    if not len(attacked) or not len(wrong):
        what = "attacked image that the robust network withstands" if not len(attacked) else "clean image it gets wrong"
        raise ValueError(f"MixedNUTS is fitted on both kinds of images, and there is no {what}. Mix probabilities.")
    found = [_tried(Nuts(*each), attacked, wrong, keep) for each in itertools.product(_SCALES, _POWERS, _BIASES)]
    return min(found, key=lambda fit: (fit.sure, fit.share))


def _tried(nuts: Nuts, attacked: Tensor, wrong: Tensor, keep: float) -> Fit:
    cut = float(_margins(nuts, attacked).quantile(1 - keep).clamp(max=1 - 1e-6))
    return Fit(nuts, 1 / (1 + cut), float((_margins(nuts, wrong) >= cut).double().mean()))


def _margins(nuts: Nuts, logits: Tensor) -> Tensor:
    first, second = nuts(logits.double()).softmax(1).topk(2, dim=1).values.unbind(1)
    return first - second
