"""Positions of the dial that were not trained: their statistics are measured on images."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from robustdial.checks import checked, said
from robustdial.dial.encoding import Cosine, Encoding
from robustdial.dial.film import Conditioner, IdentityFiLM
from robustdial.dial.fixed import Fixed, kind_of
from robustdial.dial.kinds import BATCH_NORMS
from robustdial.dial.model import Dialed
from robustdial.dial.offer import meant
from robustdial.dial.slim import Slim
from robustdial.dial.surgery import dialed

_ROUNDED = 1e-3
_NONE = "There are no images to measure statistics on. Give some batches of training images."


@checked
def recalibrated(model: Dialed, lam: float, width: float, batches: Iterable[Tensor]) -> nn.Module:
    """A plain network at any lambda and any width of the dial, trained or not, with its statistics measured anew.

    An untrained width is cut out of the next wider trained one, whose batch norms do not know what fewer channels
    give; nothing but statistics is changed.

    Args:
        model: the dialed network.
        lam: between the smallest and the largest trained lambda.
        width: share of the channels, above 0 and up to 1.
        batches: training images `[B, C, H, W]` in [0, 1], as the network is going to see them; some 1,000 to 2,000 are
            enough.

    Raises ValueError if there are no images, the width or lambda is off the dial, or the network has one width only.

    >>> from robustdial.dial import Dials, dial
    >>> net = nn.Sequential(nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.Flatten(), nn.Linear(8 * 36, 10))
    >>> model = dial(net, Dials(widths=(0.5, 1.0)), example=torch.rand(2, 1, 8, 8))
    >>> recalibrated(model, 0.3, 0.75, [torch.rand(16, 1, 8, 8)])[1].num_features
    6
    """
    images = [_images(x) for x in batches]
    if not images:
        raise ValueError(_NONE)
    if not 0 < width <= 1:
        raise ValueError(f"width={width:g} is not a share of the channels. Choose it above 0 and up to 1.")
    width = meant(width, model.dials.widths)
    wide = next(trained for trained in model.dials.widths if trained >= width)
    net = model.bake(lam, wide)
    if width < wide:
        if wide == model.dials.widths[0] == 1:
            raise ValueError(
                "This network was trained at full width only: narrower, it knows nothing. Train it with widths."
            )
        share = width / wide
        cut = _cut_layers(model)
        narrow = dialed(net, _Narrow((share, 1.0)), slim=lambda name, _: name in cut, example=images[0][:2])
        net = narrow.bake(0.0, share)
    return reestimated(net, images)


@dataclass(frozen=True)
class _Narrow:
    """A dial that only narrows."""

    widths: tuple[float, ...]
    lambdas: tuple[float, ...] = (0.0,)
    encoding: Encoding = field(default_factory=Cosine)
    conditioner: Conditioner = field(default_factory=IdentityFiLM)
    dual: bool = True

    def level(self, width: float) -> int | None:
        return self.widths.index(width) if width in self.widths else None


def _cut_layers(model: Dialed) -> set[str]:
    """Names, in the plain network, of the layers that have fewer channels at narrow widths."""
    layers = {name: layer for name, layer in model.body.named_modules() if isinstance(layer, Slim)}
    last = len(model.dials.widths) - 1
    cut = {name for name, layer in layers.items() if layer.channels(0) < layer.channels(last)}
    return cut | {name.removesuffix(".layer") for name in cut}  # a layer with FiLM behind it stands inside another


@checked
@torch.no_grad()
def reestimated(net: nn.Module, batches: Iterable[Tensor]) -> nn.Module:
    """A copy of a plain network whose batch norms have the mean statistics of these batches, in evaluation mode.

    Raises TypeError if it has a dial, or is one position of a dial that still serves others; TypeError or ValueError if
    a batch is none of images in [0, 1], or there is none.
    """
    if any(kind_of(module) != Fixed() for module in net.modules()):
        raise TypeError("This network has a dial, whose positions share statistics. Bake one: model.bake(0.5).")
    net = copy.deepcopy(net)
    net.eval()
    norms = [module for module in net.modules() if isinstance(module, BATCH_NORMS)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain mean over the batches
        norm.training = True  # not train(), which would turn on what timm fuses into it, such as dropout
    seen = 0
    for x in batches if norms else ():
        net(_images(x).clone())
        seen += 1
    if norms and not seen:
        raise ValueError(_NONE)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum, norm.training = momentum, False
    return net


def _images(x: object) -> Tensor:
    """A batch of images. Raises TypeError or ValueError for something else."""
    if not isinstance(x, Tensor):
        raise TypeError(f"A batch of images is {said(x)}. Give images alone, as [x for x, y in loader].")
    if x.dim() != 4:
        raise ValueError(f"A batch of images is {list(x.shape)}. Give [B, C, H, W]; of all images as one tensor, [x].")
    if x.is_cpu and x.is_floating_point() and len(x) and not (x.amin() >= -_ROUNDED and x.amax() <= 1 + _ROUNDED):
        raise ValueError(f"The images reach from {float(x.amin()):.3g} to {float(x.amax()):.3g}. Give them in [0, 1].")
    return x
