"""FiLM: a code becomes a scale and a shift per channel (Perez et al., FiLM, AAAI 2018).

A conditioner is a frozen description that builds one small network per site of the dial.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from robustdial.checks import whole


class Conditioner(Protocol):
    """Builds the network from code `[D, E]` and level of width to (scale `[D, C]`, shift `[D, C]`)."""

    def build(self, code: int, channels: Sequence[int]) -> nn.Module:
        """The FiLM network of a site with `channels[level]` channels at each width, for codes of length `code`."""
        ...


@dataclass(frozen=True)
class PaperFiLM:
    """The FiLM layer of the official OAT code, with its initialisation: PyTorch's default.

    The scale starts near zero, so a dialed network starts far from the plain one. Narrow widths use the leading rows
    and columns of both layers and split what comes out into halves, so that the weights of a shift are those of a scale
    at another width; that too is the official code's.

    Source: Wang et al., Once-for-All Adversarial Training, NeurIPS 2020.
    """

    def build(self, code: int, channels: Sequence[int]) -> nn.Module:
        return _PaperFiLM(code, channels)


@dataclass(frozen=True)
class IdentityFiLM:
    """FiLM that starts as the identity: at every lambda the dialed network begins as the network it was made from.

    Departs from the paper: the scale is 1 + h and the shift h, h is zero at the start, and no activation limits h (with
    the paper's leaky ReLU a shift that starts at zero can hardly become negative). Widths share the hidden layer; each
    has an output layer of its own.

    Args:
        hidden: width of the hidden layer.
    """

    hidden: int = 64

    def __post_init__(self) -> None:
        whole("hidden", self.hidden, least=1)

    def build(self, code: int, channels: Sequence[int]) -> nn.Module:
        hidden = nn.Sequential(nn.Linear(code, self.hidden), nn.LeakyReLU())
        return _ZeroFiLM(hidden, self.hidden, channels)


@dataclass(frozen=True)
class LinearFiLM:
    """`IdentityFiLM` without a hidden layer: scale and shift are linear in the code.

    A code of cosines is a basis of functions of lambda already. It has `code + 1` numbers for each scale and shift, the
    fewest of all (benchmarks/conditioners.py). On digits it costs some 3 points of robust accuracy between the ends and
    none at them (LOG.md).
    """

    def build(self, code: int, channels: Sequence[int]) -> nn.Module:
        return _ZeroFiLM(nn.Identity(), code, channels)


@dataclass(frozen=True)
class NoFiLM:
    """No modulation: the site only chooses its statistics by lambda, as the shortcuts do in the official ResNets."""

    def build(self, code: int, channels: Sequence[int]) -> nn.Module:
        return _NoFiLM(channels)


class ScaleOnly(nn.Module):
    """A FiLM network whose shift is left out, for layers without a bias to hold it.

    Args:
        film: the network.
    """

    def __init__(self, film: nn.Module) -> None:
        super().__init__()
        self.film = film

    def forward(self, codes: Tensor, level: int) -> tuple[Tensor, Tensor]:
        scale, shift = self.film(codes, level)
        return scale, torch.zeros_like(shift)


class _NoFiLM(nn.Module):
    def __init__(self, channels: Sequence[int]) -> None:
        super().__init__()
        self.channels = tuple(channels)

    def forward(self, codes: Tensor, level: int) -> tuple[Tensor, Tensor]:
        shape = len(codes), self.channels[level]
        return codes.new_ones(shape), codes.new_zeros(shape)


class _PaperFiLM(nn.Module):
    def __init__(self, code: int, channels: Sequence[int]) -> None:
        super().__init__()
        self.channels, most = tuple(channels), max(channels)
        self.fc1 = nn.Linear(code, 2 * most)
        self.fc2 = nn.Linear(2 * most, 2 * most)

    def forward(self, codes: Tensor, level: int) -> tuple[Tensor, Tensor]:
        n = 2 * self.channels[level]
        hidden = F.leaky_relu(F.linear(codes, self.fc1.weight[:n], self.fc1.bias[:n]))
        out = F.leaky_relu(F.linear(hidden, self.fc2.weight[:n, :n], self.fc2.bias[:n]))
        scale, shift = out.chunk(2, dim=1)
        return scale, shift


class _ZeroFiLM(nn.Module):
    def __init__(self, hidden: nn.Module, features: int, channels: Sequence[int]) -> None:
        super().__init__()
        self.hidden = hidden
        self.heads = nn.ModuleList(nn.Linear(features, 2 * c) for c in channels)
        with torch.no_grad():
            for weight in self.heads.parameters():
                weight.zero_()

    def forward(self, codes: Tensor, level: int) -> tuple[Tensor, Tensor]:
        scale, shift = self.heads[level](self.hidden(codes)).chunk(2, dim=1)
        return 1 + scale, shift
