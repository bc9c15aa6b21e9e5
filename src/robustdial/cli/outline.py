"""What a function or a value of the house looks like, read from its source without importing it.

A recipe needs torch, which takes seconds to import; a help page and the refusal of a flag need its signature alone. So
of a file only those statements are carried out that the wanted name depends on, and functions stand in for themselves:
called, they are imported.
"""

from __future__ import annotations

import ast
import copy
import functools
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

_HOUSE = Path(__file__).parents[1]
_LIGHT = ("checks", "docstrings", "typing", "cli.terminal")
"""Rooms that are imported as they are: they are quick."""


def outline(room: str, name: str) -> Any:
    """What `name` is bound to in `robustdial.ROOM`; a function with its signature and docstring, without its body.

    >>> outline("recipes.norms", "Norm")
    typing.Literal['linf', 'l2', 'l1']
    >>> outline("recipes.oat", "oat").__name__
    'oat'
    """
    source = _source(room)
    return getattr(import_module(f"robustdial.{room}"), name) if source is None else source.value(name)


def table(room: str, name: str) -> dict[str, str]:
    """A dict that is written out in `robustdial.ROOM`: its keys, and the names of its values.

    >>> table("recipes", "RECIPES")["m-oat"]
    'm_oat'
    """
    source = _source(room)
    if source is None:
        values = getattr(import_module(f"robustdial.{room}"), name)
        return {key: getattr(value, "__name__", "") for key, value in values.items()}
    return source.table(name)


class _Source:
    """A file, and what its names are bound to."""

    def __init__(self, room: str, text: str) -> None:
        self.room = room
        self.bound = {name: statement for statement in ast.parse(text).body for name in _names_bound(statement)}
        self.known: dict[str, Any] = {}

    def value(self, name: str) -> Any:
        if name not in self.known:
            self.known[name] = self._value(name)
        return self.known[name]

    def table(self, name: str) -> dict[str, str]:
        written = getattr(self.bound[name], "value", None)
        assert isinstance(written, ast.Dict), f"{name} of {self.room} is not written out as a dict"
        pairs = zip(written.keys, written.values, strict=True)
        return {ast.literal_eval(key): ast.unparse(value) for key, value in pairs if key is not None}

    def _value(self, name: str) -> Any:
        match self.bound[name]:
            case ast.ImportFrom(module=str(module), names=names):
                return _imported(module, next(alias.name for alias in names if (alias.asname or alias.name) == name))
            case ast.Import():
                return import_module(name)
            case ast.FunctionDef() as function:
                return _stand_in(f"robustdial.{self.room}", self._carried_out(_without_body(function), name))
            case ast.AnnAssign(value=ast.expr() as value):
                return self._carried_out(ast.Assign([ast.Name(name, ast.Store())], value), name)
            case statement:
                return self._carried_out(statement, name)

    def _carried_out(self, statement: ast.stmt, name: str) -> Any:
        asked = {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)} - {name}
        values = {other: self.value(other) for other in sorted(asked & self.bound.keys())}
        values["__name__"] = __name__
        code = ast.fix_missing_locations(ast.Module([statement], []))
        exec(compile(code, f"<outline of {self.room}>", "exec", dont_inherit=True), values)
        return values[name]


@functools.cache
def _source(room: str) -> _Source | None:
    """The source of a room or of a part of it; None where only compiled files are installed."""
    place = _HOUSE.joinpath(*room.split("."))
    file = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
    try:
        return _Source(room, file.read_text(encoding="utf-8"))
    except OSError:
        return None


def _names_bound(statement: ast.stmt) -> list[str]:
    match statement:
        case ast.Import(names=names) | ast.ImportFrom(names=names):
            return [alias.asname or alias.name for alias in names]
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name) | ast.AnnAssign(target=ast.Name(id=name)):
            return [name]
        case ast.Assign(targets=targets):
            return [target.id for target in targets if isinstance(target, ast.Name)]
    return []


def _imported(module: str, name: str) -> Any:
    house, _, room = module.partition(".")
    if house == "robustdial" and room not in _LIGHT:
        return outline(room, name)
    assert house == "robustdial" or house in sys.stdlib_module_names, f"{module} is not to be imported for an outline"
    return getattr(import_module(module), name)


def _without_body(function: ast.FunctionDef) -> ast.FunctionDef:
    """Its arguments and its docstring. What it returns may be a class that needs torch."""
    shape = copy.copy(function)
    shape.body = [ast.Expr(ast.Constant(ast.get_docstring(function, clean=False)))]
    shape.decorator_list, shape.returns = [], None
    return shape


def _stand_in(module: str, shape: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(shape)
    def stand_in(*args: Any, **named: Any) -> Any:
        return getattr(import_module(module), shape.__name__)(*args, **named)

    return stand_in
