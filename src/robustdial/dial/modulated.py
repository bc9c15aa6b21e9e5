"""A layer without running statistics, followed by FiLM: layer norm, group norm, and convolutions of norm-free nets."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Protocol, cast

import torch
from torch import Tensor, nn

from robustdial.dial.kinds import NO_FAST_PATH
from robustdial.dial.narrow import plain
from robustdial.dial.setting import Dial, Map, Setting


class Foldable(Protocol):
    """A layer that follows the dial and can leave it."""

    def __call__(self, x: Tensor) -> Tensor: ...

    def folded(self, setting: Setting) -> nn.Module:
        """A plain layer that does at `setting` (one lambda, one width) what this one does."""
        ...


class PerWidth(nn.Module):
    """A norm of its own for each width."""

    eps = NO_FAST_PATH

    def __init__(self, layers: list[nn.Module], dial: Dial) -> None:
        super().__init__()
        self.layers, self.dial = nn.ModuleList(layers), dial

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.layers[self.dial.setting.level](x)
        return out

    def folded(self, setting: Setting) -> nn.Module:
        """A copy of the norm of one width."""
        return copy.deepcopy(self.layers[setting.level])


class Whole(nn.Module):
    """A layer that is the same at every width."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.layer(x)
        return out

    def folded(self, setting: Setting) -> nn.Module:
        """A copy of the layer."""
        return plain(self.layer)


class Modulated(nn.Module):
    """A layer, then a scale and a shift per channel from the code of lambda.

    It has no running statistics, so it needs no clean and robust branch; FiLM folds into its affine weights, or into
    those of the convolution.

    Args:
        layer: the layer at every width.
        dial: where to read the setting.
        film: the FiLM network.
        dim: which dimension of the output holds the channels.
        after: what the layer did after its affine weights, taken out of it by `unfused`.
    """

    eps = NO_FAST_PATH

    def __init__(self, layer: Foldable, dial: Dial, film: nn.Module, dim: int, after: dict[str, nn.Module]) -> None:
        super().__init__()
        self.layer, self.dial, self.film, self.dim = cast(nn.Module, layer), dial, film, dim
        self.after = nn.ModuleDict(after)

    def forward(self, x: Tensor) -> Tensor:
        x = modulate(self.layer(x), self, self.dial, self._film, self.dim)
        for step in self.after.values():
            x = step(x)
        return x

    def _film(self, setting: Setting) -> tuple[Tensor, Tensor]:
        scale, shift = self.film(setting.codes, setting.level)
        return scale, shift

    def folded(self, setting: Setting) -> nn.Module:
        """A plain layer that does at `setting` (one lambda) what this one does."""
        layer = cast(Foldable, self.layer).folded(setting)
        with torch.no_grad():
            scale, shift = (v[0] for v in self._film(setting))
            # a weight-standardised convolution scales its output by a gain; its weight has no say in that
            name = "gain" if isinstance(getattr(layer, "gain", None), Tensor) else "weight"
            weight = cast(Tensor | None, getattr(layer, name))
            factor = scale if weight is None else weight * scale.reshape(-1, *[1] * (weight.dim() - 1))
            setattr(layer, name, nn.Parameter(factor))
            if hasattr(layer, "bias"):  # an RMS norm has none, and its FiLM no shift
                bias = cast(Tensor | None, layer.bias)
                layer.bias = nn.Parameter(shift if bias is None else shift + scale * bias)
        for name, step in self.after.items():
            setattr(layer, name, copy.deepcopy(step))
        return layer


def modulate(x: Tensor, layer: nn.Module, dial: Dial, compute: Callable[[Setting], Map], dim: int = 1) -> Tensor:
    """`x * scale + shift`, where each row of `x` has the row of scale and shift `[D, C]` that `compute` makes for it.

    Raises ValueError if `x` does not have the rows of the batch, as inside the patches of some attention layers.
    """
    setting = dial.setting
    if setting.rows.shape[0] not in (1, x.shape[0]):
        raise ValueError(
            f"A layer sees {len(x)} rows of a batch of {len(setting.rows)}, with no lambda for each. "
            "dial(..., example=x) names it; leave it out with sites=..."
        )
    if setting.codes.shape[0] == 1:  # one lambda: nothing to choose for the rows
        scale, shift = dial.map_of(layer, lambda given: _spread(compute(given), x, dim), (x.dtype, x.dim()))
    else:
        scale, shift = (v[setting.rows] for v in dial.map_of(layer, compute))
        scale, shift = _spread((scale, shift), x, dim)
    if x.stride(dim) != 1:  # there a CPU does not vectorise the three at once
        return x * scale + shift
    return torch.addcmul(shift, x, scale)


def _spread(over: Map, x: Tensor, dim: int) -> Map:
    """Scale and shift `[1, C]` or `[B, C]` in the shape and the format in which `x` takes them."""
    scale, shift = over
    shape = [-1, *[1] * (x.dim() - 1)]
    shape[dim] = scale.shape[1]
    return scale.reshape(shape).to(x.dtype), shift.reshape(shape).to(x.dtype)


def unfused(layer: nn.Module) -> dict[str, nn.Module]:
    """Take dropout and activation, which timm fuses into its norms, out of `layer`: FiLM belongs before them."""
    after = {name: step for name, step in layer.named_children() if name in ("drop", "act")}
    for name in after:
        setattr(layer, name, nn.Identity())
    return after
