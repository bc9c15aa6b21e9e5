"""A method that was put together in Python, as text: of which parts it is made, and of these which fields they have.

Parts are named by their classes in this library; nothing else is looked up, so that a text can be read without care.
"""

from __future__ import annotations

import inspect
import json
from dataclasses import fields, is_dataclass
from importlib import import_module
from typing import Any

from robustdial.checks import said
from robustdial.method import Method
from robustdial.typing import Json

COMPOSED = "composed"
_OURS = "robustdial."
_REMEDY = "Put the method into a function in a file, and give its place: recipe='file.py:mine'."


def composed(spelled: str = "") -> Method:
    """A method of parts that were put together in Python.

    Args:
        spelled: the parts, as `spell` writes them.
    """
    method = _read(json.loads(spelled))
    if not isinstance(method, Method):
        raise ValueError(f"spelled={said(spelled)} is no method.")
    return method


def spell(method: Method) -> str:
    """A method as text that `composed` reads. Raises ValueError for a part that is not of this library.

    >>> from robustdial.recipes.trades import trades
    >>> composed(spell(trades())) == trades()
    True
    """
    return json.dumps(_written(method))


def _written(part: Any) -> Json:
    if part is None or isinstance(part, bool | int | float | str):
        return part
    if isinstance(part, tuple):
        return [_written(one) for one in part]
    if is_dataclass(part) and not isinstance(part, type) and _is_ours(type(part)):
        return {"class": _name_of(type(part))} | {
            f.name: _written(getattr(part, f.name)) for f in fields(part) if f.init
        }
    if inspect.isfunction(part) and _is_ours(part):
        return {"function": _name_of(part)}
    raise ValueError(f"The method holds {said(part)}, which cannot be written down. {_REMEDY}")


def _read(text: Json) -> Any:
    match text:
        case list():
            return tuple(map(_read, text))
        case {"function": str(name)}:
            return _found(name)
        case {"class": str(name), **values}:
            return _found(name)(**{str(field): _read(value) for field, value in values.items()})
    return text


def _is_ours(part: Any) -> bool:
    return part.__module__.startswith(_OURS) and getattr(import_module(part.__module__), part.__name__, None) is part


def _name_of(part: Any) -> str:
    return f"{part.__module__}:{part.__name__}"


def _found(name: str) -> Any:
    module, _, what = name.partition(":")
    found = getattr(import_module(module), what, None) if module.startswith(_OURS) else None
    if not (inspect.isfunction(found) or is_dataclass(found)):
        raise ValueError(f"spelled names {name}, which is no part of a method.")
    return found
