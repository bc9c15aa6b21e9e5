"""A network that this library did not build: a function that makes it, and its weights."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from robustdial.logits import LogitsOf
from robustdial.models import build, known
from robustdial.models.renamed import renamed
from robustdial.models.weights_file import read_weights
from robustdial.models.zoo import classes_of, normalisation_of
from robustdial.own_code import function_at, importing_from, is_place, named, needed, told

_EXTRA = "_extra_state"  # as torch calls what get_extra_state gives


def load_foreign(
    place: str, weights: Path | None, output: str | None = None, images: Mapping[str, Any] | None = None
) -> nn.Module:
    """The network that a function builds, or one of timm, with its weights.

    Args:
        place: `package.module:function`, which is called without arguments, `path/to/file.py:function`, which gets
            those of `images` that it has no default for, or `timm:NAME`, whose normalisation is that of its weights: of
            the file, by whatever name, or what timm trains this network with.
        weights: safetensors, as `fill` reads them; None where the function loads them itself, and for those that timm
            offers.
        output: which part of what it returns is logits (`LogitsOf`); None where it returns nothing else.
        images: classes and shape of the data, and mean and std where it has training images. A network of timm needs
            the first two.

    Raises:
        ValueError: no such function, one that fails, something else than a network, or weights that do not fit.
        FileNotFoundError: no such file.
        ConnectionError: weights of timm cannot be downloaded.
    """
    images = images or {}
    model = _of_timm(place, weights is None, images) if place.startswith("timm:") and images else _built(place, images)
    if not isinstance(model, nn.Module):
        remedy = "Wrap it in a module whose forward calls it." if callable(model) else "Return the network from it."
        raise ValueError(f"network {place} gives {type(model).__name__}, not a torch.nn.Module. {remedy}")
    if weights is not None:
        fill(model, weights)
    return model if output is None else LogitsOf(model, output)


def _of_timm(place: str, offered: bool, images: Mapping[str, Any]) -> nn.Module:
    """A network of timm, with the weights that timm offers or fresh, behind the normalisation that they expect."""
    name, classes, shape = place.removeprefix("timm:"), images["classes"], images["shape"]
    mean, std = normalisation_of(name, shape[0])
    if offered and classes_of(name) != classes:
        raise ValueError(
            f"The weights that timm offers for {name} know {classes_of(name)} classes, and the data has {classes}. "
            "Give weights of this network trained on it, with --weights."
        )
    return build(place, classes=classes, shape=shape, mean=list(mean), std=list(std), pretrained=offered)


def _built(place: str, images: Mapping[str, Any]) -> Any:
    if known(place):
        raise ValueError(
            f"{place} is a network by name, which needs to know the images. Write a function in net.py that builds it, "
            f"def build(): return robustdial.build({place!r}, classes=..., shape=..., mean=..., std=...), and give "
            "net.py:build."
        )
    function = function_at(place, "network", "in which the network is built")
    where = place.rpartition(":")[0]
    folder = Path(where).parent if where.endswith(".py") else Path.cwd()
    with importing_from(folder), told(f"network {place} cannot be built"):
        # it has a default where its weights need no other; and a package was not written for this library
        return function(**needed(function, images if is_place(place) else {}))


def drawn_anew(model: nn.Module, place: str, images: Mapping[str, Any]) -> str | None:
    """What to say of a function whose network has other weights when it is called again; None where they are the same.

    It is called once more; where that fails, nothing is known of it.

    Args:
        model: what it has built, on the CPU.
        place, images: as in `load_foreign`, without weights.
    """
    try:
        again = _built(place, images)
        pairs = list(zip(model.parameters(), again.parameters(), strict=False)) if isinstance(again, nn.Module) else []
        other = sum(not _same(one.detach(), two.detach()) for one, two in pairs)
    except (ValueError, OSError, RuntimeError):  # as where a second one has no room
        return None
    if not other:
        return None
    return (
        f"{named(place)} gives other weights whenever it is called ({other} of {len(pairs)} tensors), as where they "
        "are drawn at random: such a network is untrained. Load them in it, or give --weights."
    )


def _same(one: Tensor, other: Tensor) -> bool:
    return is_lazy(one) or is_lazy(other) or torch.equal(one.nan_to_num(), other.nan_to_num())


def fill(model: nn.Module, path: Path) -> None:
    """Load safetensors of the same network, by whatever wrapper it was saved.

    What wrappers put before all names is left out. A network that normalises inside takes the normalisation of the
    file, by whatever name, and keeps its own if the file has none.

    Raises FileNotFoundError, or ValueError if they do not fit, or hold what is no number.
    """
    weights, wanted = read_weights(path), model.state_dict()
    found, others = renamed(weights, wanted, wanted.keys() & {name for name, _ in model.named_buffers()})
    wrong = [fault for name, value in found.items() if (fault := _misfit(name, value, wanted[name]))]
    wrong = wrong or _put(model, found, {name: weights[name] for name in others}, path)
    if wrong:
        raise ValueError(
            f"{path} does not fit the network: {', '.join(wrong[:3])}{', ...' * (len(wrong) > 3)}. Give weights of "
            "this very network, or a function of yours, file.py:build, that builds and fills it."
        )
    _check_numbers(model, found, path)


def _misfit(name: str, value: Tensor, wanted: object) -> str | None:
    if not isinstance(wanted, Tensor) or is_lazy(wanted):
        return None
    if value.shape != wanted.shape and (wanted.ndim or value.numel() != 1):
        return f"{name} is {list(value.shape)} in it, {list(wanted.shape)} in the network"
    if wanted.is_floating_point() and not value.is_floating_point():
        return f"{name} is {str(value.dtype).removeprefix('torch.')} in it"
    return None


def _put(model: nn.Module, weights: Mapping[str, Tensor], others: Mapping[str, Tensor], path: Path) -> list[str]:
    """Load weights; what the file lacks, and what it has besides: `others`, where the network does not know them."""
    try:  # some networks know names of earlier versions
        missing, unexpected = model.load_state_dict({**others, **weights}, strict=False)
    except RuntimeError as error:
        raise ValueError(f"{path} does not fit the network: {_first_lines(error)}") from None
    state, besides = model.state_dict(), {*unexpected, *(others.keys() & weights.keys())}
    tied = {_place(state[name]) for name in weights} - {None}
    lacking = [name for name in missing if not name.endswith(_EXTRA) and _place(state[name]) not in tied]
    return [f"it lacks {name}" for name in lacking] + [
        f"it has {name}, which the network has not" for name in others if name in besides
    ]


def _place(value: object) -> tuple[int, torch.Size] | None:
    """Where the values of a tensor lie; None if it has none. One that is known by several names is kept under one."""
    has_values = isinstance(value, Tensor) and not is_lazy(value) and value.data_ptr()
    return (value.data_ptr(), value.shape) if isinstance(value, Tensor) and has_values else None


def _check_numbers(model: nn.Module, names: Iterable[str], path: Path) -> None:
    state, learning = model.state_dict(), {name for name, _ in model.named_parameters()}
    for name in names:
        value = state[name]  # in the number format of the network, which may be a smaller one
        if value.is_floating_point() and (value.isnan().any() or (name in learning and value.isinf().any())):
            raise ValueError(f"{path} holds NaN or infinity in {name}. Take a checkpoint from before that happened.")


def _first_lines(error: RuntimeError) -> str:
    lines = [line.strip() for line in str(error).splitlines()]
    return " ".join(lines[1:3])[:300] or lines[0]
