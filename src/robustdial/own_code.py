"""Code of the user's, by its place: `path/to/file.py:function` or `package.module:function`."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from robustdial.logits import first_line, place_of

_PLACE = re.compile(r"(.+\.py):([A-Za-z_]\w*)")


def is_place(text: str) -> bool:
    """Whether a text names something in a Python file.

    >>> is_place("mine/recipe.py:mine"), is_place("free:replays=4"), is_place("hf:x.py")
    (True, False, False)
    """
    return _PLACE.fullmatch(text) is not None


def absolute(text: str) -> str:
    """A place whose file is found from everywhere; another text as it is."""
    found = _PLACE.fullmatch(text)
    return text if found is None else f"{Path(found[1]).expanduser().absolute()}:{found[2]}"


def lost(place: str) -> bool:
    """Whether the file of a place is not there.

    >>> lost("nowhere.py:mine")
    True
    """
    found = _PLACE.fullmatch(place)
    return found is not None and not Path(found[1]).is_file()


def named(text: str) -> str:
    """A place as tables and pages show it, without the folder of its file; another text as it is.

    >>> named("/home/somebody/recipe.py:mine"), named("timm:resnet18"), named("radial")
    ('recipe.py:mine', 'timm:resnet18', 'radial')
    """
    found = _PLACE.fullmatch(text)
    return text if found is None else f"{Path(found[1]).name}:{found[2]}"


def digest_of(place: str) -> str:
    """Of the file in which something stands; another text after a change. Raises FileNotFoundError if it is gone."""
    found = _PLACE.fullmatch(place)
    assert found is not None, f"{place} is no place"
    return hashlib.sha256(_existing(Path(found[1]), "in which it is written").read_bytes()).hexdigest()[:16]


def code_of(model: Mapping[str, Any]) -> list[str]:
    """Digests of the files that build a network, as `run.json` tells of its model; empty texts for those lost.

    >>> code_of({"name": "cnn"}), code_of({"name": "mix", "parts": [{"name": "nowhere.py:net"}, {"name": "cnn"}]})
    ([], [''])
    """
    places = [part["name"] for part in model.get("parts", [model]) if is_place(part["name"])]
    return ["" if lost(place) else digest_of(place) for place in places]


def edited(model: Mapping[str, Any], about: Mapping[str, Any]) -> bool:
    """Whether a file that builds a network has changed since something was measured, as that tells of it.

    Nothing is known of a file that is lost, nor of what does not say.

    >>> edited({"name": "cnn"}, {"code": ["0"]}), edited({"name": "nowhere.py:net"}, {"code": ["0"]})
    (False, False)
    """
    code = code_of(model)
    return "" not in code and code != [] and about.get("code", code) != code


def own(place: str, what: str) -> Callable[..., Any]:
    """What can be called at a place of a file, the same object while the file is the same; `what` it is for errors.

    Raises:
        FileNotFoundError: no such file.
        ValueError: no such function, or a file that cannot be imported.
    """
    return _own(absolute(place), digest_of(place), what)


@cache
def _own(place: str, digest: str, what: str) -> Callable[..., Any]:
    return function_at(place, what)


def function_at(place: str, what: str, purpose: str = "in which it is written") -> Callable[..., Any]:
    """What can be called at a place of a file or of a package. Raises as `own` does."""
    where, _, name = place.rpartition(":")
    if not where:
        raise ValueError(f"{what} {place} names no function. Write package.module:build or path/to/file.py:build.")
    file = _existing(Path(where), purpose) if where.endswith(".py") else None
    with importing_from(file.parent if file else Path.cwd()):  # as for a script, and for `python -m`
        with told(f"{what} {place} cannot be imported"):
            module = _from_file(file) if file else importlib.import_module(where)
        return _function(module, f"{what} {place}", name)


def called_with(function: Callable[..., Any], offered: Mapping[str, Any]) -> Any:
    """What a function gives when it is called with as many of these arguments as it takes."""
    return function(**taken(function, offered))


def needed(function: Callable[..., Any], offered: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the arguments that a function cannot do without.

    >>> needed(lambda classes, width=8: None, {"classes": 10, "width": 4})
    {'classes': 10}
    """
    parameters = inspect.signature(function).parameters
    return {name: offered[name] for name, p in parameters.items() if name in offered and p.default is p.empty}


def taken(function: Callable[..., Any], offered: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the arguments that a function takes.

    >>> taken(lambda classes: None, {"classes": 10, "width": 4})
    {'classes': 10}
    """
    parameters = inspect.signature(function).parameters
    takes_all = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    return {name: value for name, value in offered.items() if takes_all or name in parameters}


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
def importing_from(folder: Path) -> Iterator[None]:
    """Inside, what stands in a folder can be imported."""
    entry = str(folder.resolve())
    sys.path.insert(0, entry)
    try:
        yield
    finally:
        sys.path.remove(entry)


def _existing(file: Path, purpose: str) -> Path:
    if not file.is_file():
        raise FileNotFoundError(f"There is no file {file}. Name the Python file {purpose}.")
    return file


def _from_file(path: Path) -> ModuleType:
    # not to stand in the way of a module that is called as the file, nor of such a file in another folder
    name = f"robustdial_own_{path.stem}_{hashlib.sha256(str(path.absolute()).encode()).hexdigest()[:8]}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ValueError(f"{path} cannot be read as Python.")
    sys.modules[name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _function(module: ModuleType, place: str, name: str) -> Callable[..., Any]:
    found = getattr(module, name, None)
    if not callable(found):
        known = [key for key, value in vars(module).items() if inspect.isfunction(value) or inspect.isclass(value)]
        raise ValueError(f"{place}: there is no function {name!r}. There is {', '.join(known) or 'none'}.")
    return found  # type: ignore[no-any-return]
