"""A network that this library did not train: a function that builds it, and its weights."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from robustdial import record
from robustdial.assessment.subject import Subject
from robustdial.data import Data, Source
from robustdial.threat import Threat


def foreign(
    model: nn.Module, name: str, data: Data, source: Source, threat: Threat, folder: Path, part: str = "test"
) -> Subject:
    """A network of any origin, as it is evaluated on `source`, the images of `data` to use.

    Args:
        model: images in [0, 1] to logits; it is put into evaluation mode.
        name: of it in reports.
        data: its classes and name.
        source: the images.
        threat: where the adversary may move.
        folder: where the results go.
        part: of the data that `source` is from.
    """
    about = {
        "model": name,
        "weights": record.fingerprint(model.state_dict()),
        "dataset": data.name,
        "part": part,
        "lam": None,
        "width": 1.0,
        "trained": True,
        "chosen_on": None,
    }
    return Subject(model.eval(), source, threat, data.classes, folder, about)


def load_foreign(place: str, weights: Path | None) -> nn.Module:
    """The network that a function without arguments builds, with its weights.

    Args:
        place: `package.module:function` or `path/to/file.py:function`.
        weights: safetensors with the names of the network's `state_dict`; None where the function loads them itself.

    Raises:
        ValueError: no such function, something else than a network, or weights that do not fit.
        FileNotFoundError: no such file.
    """
    model = _builder(place)()
    if not isinstance(model, nn.Module):
        raise ValueError(f"--model {place} gives {type(model).__name__}, not a torch.nn.Module.")
    if weights is not None:
        _fill(model, weights)
    return model


def _builder(place: str) -> Callable[[], Any]:
    where, _, name = place.rpartition(":")
    if not where:
        raise ValueError(f"--model {place} names no function. Write package.module:build or path/to/file.py:build.")
    module = _from_file(Path(where)) if where.endswith(".py") else _from_path(where)
    build = getattr(module, name, None)
    if not callable(build):
        known = [key for key, value in vars(module).items() if inspect.isfunction(value) or inspect.isclass(value)]
        raise ValueError(f"--model {place}: {where} has no function {name!r}. It has {', '.join(known) or 'none'}.")
    return build  # type: ignore[no-any-return]


def _from_file(path: Path) -> Any:
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}. Name the Python file in which the network is built.")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ValueError(f"{path} cannot be read as Python.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    sys.path.insert(0, str(path.parent.resolve()))  # its own imports, as when it is run as a script
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.pop(0)
    return module


def _from_path(name: str) -> Any:
    sys.path.insert(0, str(Path.cwd()))  # as `python -m` does
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ValueError(f"{name} cannot be imported ({error}). Start where it can be, or name its file.") from None
    finally:
        sys.path.pop(0)


def _fill(model: nn.Module, path: Path) -> None:
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}. Name the safetensors file of the weights.")
    try:
        model.load_state_dict(load_file(path))
    except SafetensorError:
        raise ValueError(
            f"{path} is not a safetensors file, and a pickle is never opened. Write the weights with "
            "safetensors.torch.save_file(model.state_dict(), 'weights.safetensors')."
        ) from None
    except RuntimeError as error:
        raise ValueError(f"{path} does not fit the network: {_first_lines(error)}") from None


def _first_lines(error: RuntimeError) -> str:
    lines = [line.strip() for line in str(error).splitlines()]
    return " ".join(lines[1:3])[:300] or lines[0]
