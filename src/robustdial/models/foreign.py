"""A network that this library did not build: a function that makes it, and its weights."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from robustdial.logits import LogitsOf, first_line, place_of

_EXTRA = "_extra_state"  # as torch calls what get_extra_state gives


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
        raise ValueError(f"{place} gives {type(model).__name__}, not a torch.nn.Module.{hint}")
    if weights is not None:
        fill(model, weights)
    return model if output is None else LogitsOf(model, output)


def _built(place: str) -> Any:
    where, _, name = place.rpartition(":")
    if not where:
        raise ValueError(f"{place} names no function. Write package.module:build or path/to/file.py:build.")
    file = Path(where) if where.endswith(".py") else None
    if file is not None and not file.is_file():
        raise FileNotFoundError(f"There is no file {file}. Name the Python file in which the network is built.")
    with _importing_from(file.parent if file else Path.cwd()):  # as for a script, and for `python -m`
        with told(f"{place} cannot be imported"):
            module = _from_file(file) if file else importlib.import_module(where)
        build = _function(module, place, name)
        with told(f"{place} cannot be built"):
            return build()


@contextmanager
def told(what: str) -> Iterator[None]:
    """Inside, whatever the code of somebody else raises becomes one line with its file and line."""
    try:
        yield
    except SyntaxError as error:
        at = f"{Path(error.filename or '').name}:{error.lineno}"
        raise ValueError(f"{what}: {type(error).__name__}: {error.msg} ({at}). Mend that line.") from error
    except ImportError as error:
        place = place_of(error) or ""
        raise ValueError(f"{what}{place}: {error}. Start where it can be imported, or name its file.") from error
    except torch.OutOfMemoryError:
        raise
    except (Exception, SystemExit) as error:
        place = place_of(error) or ""
        raise ValueError(f"{what}{place}: {type(error).__name__}: {first_line(error)}. Mend it there.") from error


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
        raise ValueError(f"{place}: there is no function {name!r}. There is {', '.join(known) or 'none'}.")
    return build  # type: ignore[no-any-return]


def fill(model: nn.Module, path: Path) -> None:
    """Load safetensors into a network. Raises FileNotFoundError, or ValueError if they do not fit."""
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
