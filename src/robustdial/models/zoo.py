"""Networks of the timm library, under `timm:NAME`."""

from __future__ import annotations

import difflib
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from torch import nn

from robustdial.models.normalize import Normalize


def timm_model(
    name: str, *, classes: int, channels: int, mean: Sequence[float], std: Sequence[float], pretrained: bool
) -> nn.Sequential:
    """A timm network behind its normalisation.

    Pretrained weights expect the normalisation that they were trained with; it replaces `mean` and `std`.

    Raises:
        ValueError: if timm is not installed, or has no such network or no weights for it.
        ConnectionError: if the weights cannot be downloaded.
    """
    timm = _timm_with(name)
    if pretrained and not timm.models.is_model_pretrained(name):
        raise ValueError(f"timm has no pretrained weights for {name!r}. Leave pretrained out.")
    try:
        net = timm.create_model(name, pretrained=pretrained, num_classes=classes, in_chans=channels)
    except RuntimeError as error:
        raise ValueError(
            f"timm cannot build {name!r} ({_reason(error)}). See timm.list_models(pretrained=True)."
        ) from error
    except OSError as error:
        raise ConnectionError(
            f"No weights for timm:{name} ({_reason(error)}). Be online, or leave pretrained out."
        ) from error
    if pretrained:
        mean, std = normalisation_of(name, channels)
    return nn.Sequential(OrderedDict(normalize=Normalize(mean, std), net=net))


def normalisation_of(name: str, channels: int) -> tuple[Sequence[float], Sequence[float]]:
    """Mean and standard deviation that weights for a network of timm expect, per channel. Raises as `timm_model`."""
    trained = _configuration(name)
    return _per_channel(trained.mean, channels), _per_channel(trained.std, channels)


def classes_of(name: str) -> int:
    """How many classes the weights that timm offers for a network know. Raises as `timm_model`."""
    return int(_configuration(name).num_classes)


def _configuration(name: str) -> Any:
    found = _timm_with(name).get_pretrained_cfg(name)
    if found is None:  # of a model that somebody else has put there
        raise ValueError(f"timm does not say what weights of {name!r} expect. Give a function of yours, file.py:build.")
    return found


def _timm_with(name: str) -> Any:
    """The timm library. Raises ValueError if it is not installed, or has no such network."""
    try:
        import timm
    except ImportError:
        raise ValueError(
            f"timm:{name} needs the timm library. Install it with: pip install 'robustdial[timm]'"
        ) from None
    if not timm.is_model(name):
        near = difflib.get_close_matches(name.partition(".")[0], timm.list_models(), n=3)
        nearest = f"Nearest: {', '.join(near)}. " if near else ""
        raise ValueError(f"timm has no model {name!r}. {nearest}See timm.list_models().")
    return timm


def _per_channel(values: Sequence[float], channels: int) -> Sequence[float]:
    # timm sums the first layer's weights over RGB for other channel counts, so one average value fits them all
    return values if len(values) == channels else [sum(values) / len(values)] * channels


def _reason(error: Exception) -> str:
    return str(error).partition("\n")[0].rstrip(".")
