"""Reference networks: images in [0, 1] in, logits out, the normalisation inside as the first layer.

`build(name, ...)` makes any of `names()`, checked to take the images of your data. The classes behind the names
(`CNN`, `ResNet`, `PreActResNet`, `WideResNet`, `VGG`) hold no normalisation of their own.

May import nothing of the library. In: a name, the number of classes, the shape of the images. Out: a plain `nn.Module`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from robustdial.checks import checked, finite, nearest
from robustdial.logits import first_line, place_of
from robustdial.models.cnn import CNN
from robustdial.models.normalize import Normalize
from robustdial.models.preact import PreActResNet
from robustdial.models.resnet import ResNet
from robustdial.models.vgg import VGG
from robustdial.models.wrn import WideResNet
from robustdial.models.zoo import timm_model
from robustdial.own_code import called_with, is_place, own, told

__all__ = ["CNN", "VGG", "Normalize", "PreActResNet", "ResNet", "WideResNet", "build", "customary", "known", "names"]

_NETS: dict[str, tuple[Callable[..., nn.Module], int]] = {  # name -> network, its customary width
    "cnn": (CNN, 32),
    "resnet18": (ResNet, 64),
    "resnet34": (partial(ResNet, depths=(3, 4, 6, 3)), 64),
    "preact_resnet18": (PreActResNet, 64),
    "wrn16_8": (partial(WideResNet, depth=16), 128),
    "wrn28_10": (partial(WideResNet, depth=28), 160),
    "wrn28_10_silu": (partial(WideResNet, depth=28, activation=F.silu), 160),
    "wrn34_10": (partial(WideResNet, depth=34), 160),
    "wrn40_2": (partial(WideResNet, depth=40), 32),
    "vgg16": (VGG, 64),
}


_WIDEST = 8192


def names() -> tuple[str, ...]:
    """What `build` understands; `timm:NAME` stands for every network of timm."""
    return (*_NETS, "timm:NAME")


def known(name: str) -> bool:
    """Whether `build` can make a network of this name.

    >>> known("cnn"), known("timm:resnet18"), known("net.py:build")
    (True, True, False)
    """
    return name in _NETS or name.startswith("timm:")


def customary(name: str) -> int | None:
    """Channels of the first stage of the network `name` unless `build` is told otherwise; None for one of timm.

    >>> customary("resnet18"), customary("timm:resnet18")
    (64, None)
    """
    return _NETS[name][1] if name in _NETS else None


@checked
def build(
    name: str,
    *,
    classes: int,
    shape: tuple[int, int, int],
    mean: Sequence[float],
    std: Sequence[float],
    width: int | None = None,
    pretrained: bool = False,
) -> nn.Module:
    """The network `name`, behind its normalisation, with fresh weights on the default device.

    Args:
        name: one of `names()`, or a place in a file of yours, `file.py:build`: a function that takes as many of these
            arguments as it wants, and gives a network of images in [0, 1].
        classes: number of logits.
        shape: (C, H, W) of the images.
        mean, std: per channel, of pixels in [0, 1].
        width: channels of the first stage; None for the customary number.
        pretrained: take the weights that timm offers; its normalisation then replaces `mean` and `std`.

    Raises:
        ValueError: an unknown name, a number that is not positive, a network that cannot take such images, an option
            that this network does not have, or timm is not installed.
        ConnectionError: pretrained weights cannot be downloaded.

    >>> model = build("cnn", classes=10, shape=(1, 8, 8), mean=[0.3], std=[0.4])
    >>> model(torch.rand(2, 1, 8, 8)).shape
    torch.Size([2, 10])
    """
    _check_numbers(classes, shape, mean, width)
    kind, _, timm_name = name.partition(":")
    if is_place(name):
        model = _own(name, {"classes": classes, "shape": shape, "mean": mean, "std": std, "width": width}, pretrained)
    elif kind == "timm" and timm_name:
        if width is not None:
            raise ValueError(f"{name} has its width in its name. Leave width out, or choose another network.")
        model = timm_model(timm_name, classes=classes, channels=shape[0], mean=mean, std=std, pretrained=pretrained)
    elif name in _NETS:
        if pretrained:
            raise ValueError(f"There are no pretrained weights for {name}. Leave pretrained out, or use timm:resnet18.")
        net, usual = _NETS[name]
        body = net(classes, shape[0], usual if width is None else width)
        model = nn.Sequential(OrderedDict(normalize=Normalize(mean, std), net=body))
    else:
        raise ValueError(_unknown(name))
    _check_size(model, name, shape)
    return model


def _own(place: str, offered: dict[str, Any], pretrained: bool) -> nn.Module:
    if pretrained:
        raise ValueError(f"{place} loads its weights itself. Leave pretrained out.")
    given = {name: value for name, value in offered.items() if value is not None}
    build = own(place, "--model")
    with told(f"--model {place} cannot be built"):
        model = called_with(build, given)
    if not isinstance(model, nn.Module):
        raise ValueError(f"--model {place} gives {type(model).__name__}, not a torch.nn.Module. Return the network.")
    if next(model.parameters(), None) is None:
        raise ValueError(f"--model {place} has no weights that could learn. Return the network itself.")
    return model


def _check_numbers(classes: int, shape: tuple[int, int, int], mean: Sequence[float], width: int | None) -> None:
    for value in mean:
        finite("mean", value, "Give one finite number per channel.")
    if classes < 2:
        raise ValueError(f"classes={classes}: a classifier needs at least 2.")
    if len(shape) != 3 or min(shape) < 1:
        raise ValueError(f"shape={shape} is not (channels, height, width). Give data.shape.")
    if len(mean) != shape[0]:
        raise ValueError(f"mean has {len(mean)} numbers for {shape[0]} channels. Give one per channel.")
    if width is not None and width < 1:
        raise ValueError(f"width={width}: the first stage needs at least 1 channel. Leave width out, or raise it.")
    if width is not None and width > _WIDEST:
        raise ValueError(f"width={width}: no network here has more than {_WIDEST} channels at first. Lower it.")


def _check_size(model: nn.Module, name: str, shape: tuple[int, int, int]) -> None:
    channels, height, across = shape
    failure = _failure(model, shape)
    if failure is None:
        return
    sizes = (size for size in range(8, 513, 8) if _failure(model, (channels, size, size)) is None)
    size = next(sizes, None)
    if size is None and is_place(name):
        why = f"{place_of(failure) or ''}: {type(failure).__name__}: {first_line(failure)}"
        raise ValueError(
            f"--model {name} fails on one image {list(shape)}{why}. Its forward must take images [B, C, H, W] of any "
            "number, and nothing else."
        ) from failure
    remedy = f"Load the data with size={size}, the smallest it takes, or choose" if size else "Choose"
    raise ValueError(f"{name} cannot take {height}x{across} images. {remedy} another network, for example cnn.")


@torch.no_grad()
def _failure(model: nn.Module, shape: tuple[int, int, int]) -> Exception | None:
    """What one image raises, if anything: asking the network beats a table of sizes that must be kept up to date."""
    first = next(model.parameters())
    training = model.training
    try:
        model.eval()
        model(torch.zeros(1, *shape, device=first.device, dtype=first.dtype))
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # whatever the network of somebody else raises
        return error
    finally:
        model.train(training)
    return None


def _unknown(name: str) -> str:
    near = nearest(name, names())
    return f"There is no model {name!r}. Did you mean {near}? The models are {', '.join(names())}."
