"""DialNorm: a batch norm whose statistics and affine map follow the dial."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from robustdial.dial.modulated import modulate, unfused
from robustdial.dial.narrow import cut_norm, plain
from robustdial.dial.setting import Dial, Setting
from robustdial.distributed import meets

BatchNorm = nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d


class DialNorm(nn.Module):
    """A clean and a robust batch norm per width, followed by FiLM from the code of lambda.

    The robust branch is the original module; the clean branch is its copy. Rows at lambda = 0 are normalised by the
    clean branch, all others by the robust one, because clean and adversarial images have different statistics.
    Source: Wang et al., Once-for-All Adversarial Training, NeurIPS 2020 (after Xie et al., AdvProp, CVPR 2020).

    Args:
        norm: the batch norm to replace.
        dial: where to read the setting.
        film: the FiLM network.
        channels: at each width.
        dual: whether lambda = 0 has a branch of its own.
    """

    def __init__(self, norm: BatchNorm, dial: Dial, film: nn.Module, channels: Sequence[int], dual: bool) -> None:
        super().__init__()
        self.dial, self.film, self.after = dial, film, nn.ModuleDict(unfused(norm))
        self.robust = nn.ModuleList(cut_norm(norm, c) for c in channels)
        self.clean = nn.ModuleList(cut_norm(norm, c) for c in channels) if dual else None

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            x = modulate(self._normalise(x, self.dial.setting), self, self.dial, self._film)
        else:
            x = modulate(x, self, self.dial, self.affine)
        for step in self.after.values():
            x = step(x)
        return x

    def affine(self, setting: Setting) -> tuple[Tensor, Tensor]:
        """Statistics, affine parameters and FiLM as one map per distinct lambda: (scale `[D, C]`, shift `[D, C]`).

        With the running statistics everything between two convolutions is one affine map per channel, and the choice of
        the branch is a mixture of two such maps. So evaluation has no branch, changing lambda recompiles nothing, and
        the dial costs what the batch norm cost.
        """
        scale, shift = _running_affine(self._branch(self.robust, setting))
        if self.clean is not None:
            clean_scale, clean_shift = _running_affine(self._branch(self.clean, setting))
            share = setting.share[:, None]
            scale, shift = torch.lerp(clean_scale, scale, share), torch.lerp(clean_shift, shift, share)
        film_scale, film_shift = self._film(setting)
        return film_scale * scale, torch.addcmul(film_shift, film_scale, shift)

    def folded(self, setting: Setting) -> BatchNorm:
        """A batch norm of the original class that does at `setting` (one lambda, one width) what this layer does."""
        norms = self.robust if self.clean is None or float(setting.share[0]) > 0 else self.clean
        norm = plain(self._branch(norms, setting))
        mean, var = _statistics(norm)
        with torch.no_grad():
            scale, shift = self.affine(setting)
            norm.weight = nn.Parameter(scale[0] * torch.sqrt(var + norm.eps))
            norm.bias = nn.Parameter(shift[0] + scale[0] * mean)
        for name, step in self.after.items():
            setattr(norm, name, copy.deepcopy(step))
        return norm

    def _film(self, setting: Setting) -> tuple[Tensor, Tensor]:
        scale, shift = self.film(setting.codes, setting.level)
        return scale, shift

    def _normalise(self, x: Tensor, setting: Setting) -> Tensor:
        robust, first = self._branch(self.robust, setting), setting.first
        together = meets(robust)  # then both branches are called, be it for no row: other processes may have some
        if self.clean is None or (first == 0 and not together):
            return cast(Tensor, robust(x))
        clean = self._branch(self.clean, setting)
        if first >= len(setting.rows) and not together:  # one row stands for all of them
            return cast(Tensor, clean(x))
        first = min(first, len(x))
        left, right = torch.split(x, [first, len(x) - first])  # two slices would cost a copy each in the backward
        if together:
            return torch.cat([clean(left), robust(right)])
        return torch.cat([_of_some(clean, left), _of_some(robust, right)])

    @staticmethod
    def _branch(norms: nn.ModuleList, setting: Setting) -> BatchNorm:
        return cast(BatchNorm, norms[setting.level])


def _of_some(norm: BatchNorm, x: Tensor) -> Tensor:
    """Some rows of a batch through their branch; a single value per channel, as behind global pooling, has no variance,
    so what the branch has seen so far stands in."""
    if x.numel() > x.shape[1]:
        return cast(Tensor, norm(x))
    mean, var = _statistics(norm)
    return torch.nn.functional.batch_norm(x, mean, var, norm.weight, norm.bias, False, 0.0, norm.eps)


def _statistics(norm: BatchNorm) -> tuple[Tensor, Tensor]:
    assert norm.running_mean is not None and norm.running_var is not None, "dial() refuses norms without statistics"
    return norm.running_mean, norm.running_var


def _running_affine(norm: BatchNorm) -> tuple[Tensor, Tensor]:
    """Batch norm with its running statistics as (scale `[C]`, shift `[C]`)."""
    mean, var = _statistics(norm)
    scale = torch.rsqrt(var + norm.eps)
    if norm.weight is None:
        return scale, -mean * scale
    scale = scale * norm.weight
    shift = -mean * scale
    return scale, shift if norm.bias is None else norm.bias + shift
