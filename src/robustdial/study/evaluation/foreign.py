"""A network that this library did not train: a function that builds it, and its weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from robustdial import record
from robustdial.data import Data, Source
from robustdial.logits import LogitsOf
from robustdial.method.threat import Threat
from robustdial.own_code import function_at, importing_from, told
from robustdial.study.evaluation.target import Subject
from robustdial.study.evaluation.trial import try_out

Part = Literal["train", "val", "test"]

_EXTRA = "_extra_state"  # as torch calls what get_extra_state gives


def foreign(
    model: nn.Module,
    name: str,
    data: Data,
    source: Source,
    threat: Threat,
    folder: Path,
    *,
    part: Part = "test",
    chosen_on: Part | Literal["none"] | None = None,
    batch: int = 64,
) -> Subject:
    """A network of any origin, as it is evaluated on `source`, the images of `data` to use.

    Args:
        model: images in [0, 1] to logits; it is put into evaluation mode, and tried on a few images.
        name: of it in reports.
        data: its classes, name and notes.
        source: the images.
        threat: where the adversary may move.
        folder: where the results go.
        part: of the data that `source` is from.
        chosen_on: the part that decided which checkpoint this is; "none" for the last of a training, None if not known.
        batch: images that will be attacked at once.

    Raises as `try_out`.
    """
    _put_into_evaluation(model)
    try_out(model, source, batch)
    about = {
        "model": name,
        "weights": record.fingerprint(_tensors_of(model)),
        "dataset": data.name,
        "part": part,
        "lam": None,
        "width": 1.0,
        "trained": True,
        "chosen_on": chosen_on,
    }
    return Subject(model, source, threat, data.classes, folder, about, notes=data.notes)


def load_foreign(place: str, weights: Path | None, output: str | None = None) -> nn.Module:
    """The network that a function without arguments builds, with its weights.

    Args:
        place: `package.module:function` or `path/to/file.py:function`.
        weights: safetensors with the names of the network's `state_dict`; None where the function loads them itself.
        output: which part of what it returns is logits (`LogitsOf`); None where it returns nothing else.

    Raises:
        ValueError: no such function, one that fails, something else than a network, or weights that do not fit.
        FileNotFoundError: no such file.
    """
    model = _built(place)
    if not isinstance(model, nn.Module):
        hint = " Return the network from it." if model is None else ""
        raise ValueError(f"--model {place} gives {type(model).__name__}, not a torch.nn.Module.{hint}")
    if weights is not None:
        _fill(model, weights)
    return model if output is None else LogitsOf(model, output)


def _put_into_evaluation(model: nn.Module) -> None:
    # what eval() returns is not used: some networks return nothing
    with told("The network cannot be put into evaluation mode"):
        model.eval()


def _tensors_of(model: nn.Module) -> dict[str, Tensor]:
    """Its state without what is no tensor, as `get_extra_state` may give."""
    return {name: value for name, value in model.state_dict().items() if isinstance(value, Tensor)}


def _built(place: str) -> Any:
    build = function_at(place, "--model", "in which the network is built")
    where = place.rpartition(":")[0]
    folder = Path(where).parent if where.endswith(".py") else Path.cwd()
    with importing_from(folder), told(f"--model {place} cannot be built"):
        return build()


def _fill(model: nn.Module, path: Path) -> None:
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}. Name the safetensors file of the weights.")
    try:
        weights = load_file(path)
    except SafetensorError:
        raise ValueError(
            f"{path} is not a safetensors file, and a pickle is never opened. Write the weights with "
            "safetensors.torch.save_file(model.state_dict(), 'weights.safetensors')."
        ) from None
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
