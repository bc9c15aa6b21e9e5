"""A network that this library did not train: a function that builds it, and its weights."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from robustdial import record
from robustdial.data import Data, Source
from robustdial.method.threat import Threat
from robustdial.study.evaluation.target import Subject

Part = Literal["train", "val", "test"]


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
        chosen_on: the part that decided which checkpoint this is; "none" for the last of a training, None if not known.
    """
    about = {
        "model": name,
        "weights": record.fingerprint(model.state_dict()),
        "dataset": data.name,
        "part": part,
        "lam": None,
        "width": 1.0,
        "trained": True,
        "chosen_on": chosen_on,
    }
    return Subject(model.eval(), source, threat, data.classes, folder, about, data.notes)


def load_foreign(place: str, weights: Path | None) -> nn.Module:
    """The network that a function without arguments builds, with its weights.

    Args:
        place: `package.module:function` or `path/to/file.py:function`.
        weights: safetensors with the names of the network's `state_dict`; None where the function loads them itself.

    Raises:
        ValueError: no such function, something else than a network, or weights that do not fit.
        FileNotFoundError: no such file.
    """
    model = _built(place)
    if not isinstance(model, nn.Module):
        raise ValueError(f"--model {place} gives {type(model).__name__}, not a torch.nn.Module.")
    if weights is not None:
        _fill(model, weights)
    return model


def _built(place: str) -> Any:
    where, _, name = place.rpartition(":")
    if not where:
        raise ValueError(f"--model {place} names no function. Write package.module:build or path/to/file.py:build.")
    file = Path(where) if where.endswith(".py") else None
    if file is not None and not file.is_file():
        raise FileNotFoundError(f"There is no file {file}. Name the Python file in which the network is built.")
    with _importing_from(file.parent if file else Path.cwd()):  # as for a script, and for `python -m`
        try:
            module = _from_file(file) if file else importlib.import_module(where)
            return _function(module, place, name)()
        except ImportError as error:
            raise ValueError(f"--model {place}: {error}. Start where it can be imported, or name its file.") from None


@contextmanager
def _importing_from(folder: Path) -> Iterator[None]:
    entry = str(folder.resolve())
    sys.path.insert(0, entry)
    try:
        yield
    finally:
        sys.path.remove(entry)


def _from_file(path: Path) -> ModuleType:
    name = f"robustdial_model_{path.stem}"  # not to stand in the way of a module that is called as the file
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ValueError(f"{path} cannot be read as Python.")
    sys.modules[name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _function(module: ModuleType, place: str, name: str) -> Callable[[], Any]:
    build = getattr(module, name, None)
    if not callable(build):
        known = [key for key, value in vars(module).items() if inspect.isfunction(value) or inspect.isclass(value)]
        raise ValueError(f"--model {place}: there is no function {name!r}. There is {', '.join(known) or 'none'}.")
    return build  # type: ignore[no-any-return]


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
