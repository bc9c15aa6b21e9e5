"""A network that this library did not build: a function that makes it, and its weights."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from robustdial.logits import LogitsOf
from robustdial.own_code import function_at, importing_from, told

_WRAPPERS = ("module.", "_orig_mod.", "model.", "network.", "net.", "ema.", "state_dict.")
_EXTRA = "_extra_state"  # as torch calls what get_extra_state gives


def load_foreign(place: str, weights: Path | None, output: str | None = None) -> nn.Module:
    """The network that a function without arguments builds, with its weights.

    Args:
        place: `package.module:function` or `path/to/file.py:function`.
        weights: safetensors, as `fill` reads them; None where the function loads them itself.
        output: which part of what it returns is logits (`LogitsOf`); None where it returns nothing else.

    Raises:
        ValueError: no such function, one that fails, something else than a network, or weights that do not fit.
        FileNotFoundError: no such file.
    """
    model = _built(place)
    if not isinstance(model, nn.Module):
        remedy = "Wrap it in a module whose forward calls it." if callable(model) else "Return the network from it."
        raise ValueError(f"network {place} gives {type(model).__name__}, not a torch.nn.Module. {remedy}")
    if weights is not None:
        fill(model, weights)
    return model if output is None else LogitsOf(model, output)


def _built(place: str) -> Any:
    build = function_at(place, "network", "in which the network is built")
    where = place.rpartition(":")[0]
    folder = Path(where).parent if where.endswith(".py") else Path.cwd()
    with importing_from(folder), told(f"network {place} cannot be built"):
        return build()


def fill(model: nn.Module, path: Path) -> None:
    """Load safetensors of the same network, by whatever wrapper it was saved.

    What `DataParallel`, `torch.compile` and the like put before all names is left out; a network that does not
    normalise inside keeps the normalisation that stands before it here.

    Raises FileNotFoundError, or ValueError if they do not fit.
    """
    weights, wanted = _read(path), model.state_dict()
    while not weights.keys() <= wanted.keys() and (prefix := _before_all(weights)):
        weights = {name.removeprefix(prefix): value for name, value in weights.items()}
    if "normalize.mean" in wanted and not any(name.startswith("normalize.") for name in weights):
        own = {name: value for name, value in wanted.items() if name.startswith("normalize.")}
        within = "" if weights.keys() <= wanted.keys() else "net."
        weights = own | {f"{within}{name}": value for name, value in weights.items()}
    _put(model, weights, path)


def _before_all(names: Iterable[str]) -> str | None:
    """What a wrapper has put before all names, if it is one that is known."""
    known = list(names)
    return next((p for p in _WRAPPERS if known and all(name.startswith(p) for name in known)), None)


def _read(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}. Name the safetensors file of the weights.")
    try:
        return load_file(path)
    except SafetensorError:
        raise ValueError(
            f"{path} is not a safetensors file, and a pickle is never opened. Write its weights anew: "
            f"safetensors.torch.save_file(torch.load({str(path)!r}, weights_only=True), 'weights.safetensors'); where "
            "a file of torch.save holds more than weights, they stand under a key such as ['state_dict']."
        ) from None


def _put(model: nn.Module, weights: Mapping[str, Tensor], path: Path) -> None:
    try:
        missing, unexpected = model.load_state_dict(weights, strict=False)
    except RuntimeError as error:
        raise ValueError(f"{path} does not fit the network: {_first_lines(error)}") from None
    # what is no tensor is not in such a file
    wrong = [f"it lacks {name}" for name in missing if not name.endswith(_EXTRA)]
    wrong += [f"it has {name}, which the network has not" for name in unexpected]
    if wrong:
        raise ValueError(f"{path} does not fit the network: {', '.join(wrong[:3])}{', ...' * (len(wrong) > 3)}.")


def _first_lines(error: RuntimeError) -> str:
    lines = [line.strip() for line in str(error).splitlines()]
    return " ".join(lines[1:3])[:300] or lines[0]
