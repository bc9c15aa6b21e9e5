"""FiLM: a code becomes a scale and a shift per channel (Perez et al., FiLM, AAAI 2018).

A conditioner is a frozen description that builds one small network per normalisation site.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Conditioner(Protocol):
    """Builds the network from code `[D, E]` to (scale `[D, C]`, shift `[D, C]`)."""

    def build(self, code: int, channels: int) -> nn.Module:
        """The FiLM network of a site with `channels` channels for codes of length `code`."""
        ...


@dataclass(frozen=True)
class PaperFiLM:
    """The FiLM layer of the official OAT code, with its initialisation: PyTorch's default.

    The scale starts near zero, so a dialed network starts far from the plain one.
    Source: Wang et al., Once-for-All Adversarial Training, NeurIPS 2020.
    """

    def build(self, code: int, channels: int) -> nn.Module:
        return _PaperFiLM(code, channels)


@dataclass(frozen=True)
class IdentityFiLM:
    """FiLM that starts as the identity: at every lambda the dialed network begins as the network it was made from.

    Departs from the paper: the scale is 1 + h and the shift h, h is zero at the start, and no activation limits h (with
    the paper's leaky ReLU a shift that starts at zero can hardly become negative).

    Args:
        hidden: width of the hidden layer.
    """

    hidden: int = 64

    def build(self, code: int, channels: int) -> nn.Module:
        return _IdentityFiLM(code, channels, self.hidden)


@dataclass(frozen=True)
class NoFiLM:
    """No modulation: the site only chooses its statistics by lambda, as the shortcuts do in the official ResNets."""

    def build(self, code: int, channels: int) -> nn.Module:
        return _NoFiLM(channels)


class _NoFiLM(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels

    def forward(self, codes: Tensor) -> tuple[Tensor, Tensor]:
        shape = len(codes), self.channels
        return codes.new_ones(shape), codes.new_zeros(shape)


class _PaperFiLM(nn.Module):
    def __init__(self, code: int, channels: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(code, 2 * channels)
        self.fc2 = nn.Linear(2 * channels, 2 * channels)

    def forward(self, codes: Tensor) -> tuple[Tensor, Tensor]:
        out = F.leaky_relu(self.fc2(F.leaky_relu(self.fc1(codes))))
        scale, shift = out.chunk(2, dim=1)
        return scale, shift


class _IdentityFiLM(nn.Module):
    def __init__(self, code: int, channels: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(code, hidden)
        self.fc2 = nn.Linear(hidden, 2 * channels)
        with torch.no_grad():
            self.fc2.weight.zero_()
            self.fc2.bias.zero_()

    def forward(self, codes: Tensor) -> tuple[Tensor, Tensor]:
        scale, shift = self.fc2(F.leaky_relu(self.fc1(codes))).chunk(2, dim=1)
        return 1 + scale, shift
