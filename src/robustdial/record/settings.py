"""Settings in a file, held against what takes them: the signature of a function or of a dataclass."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from robustdial.record.shape import fault
from robustdial.typing import Json


def settings_fault(values: Mapping[str, Json], taker: Callable[..., Any], *, strict: bool = True) -> str | None:
    """What is wrong with settings that a file holds, in words; None if `taker` takes them.

    Args:
        values: by name.
        taker: a function or a dataclass whose arguments have types.
        strict: whether a name that it does not know is wrong.

    >>> def recipe(eps: float, lambdas: tuple[float, ...] = (0.0, 1.0)) -> None: ...
    >>> settings_fault({"eps": 0.3, "lambdas": [0, 1]}, recipe)
    >>> settings_fault({"eps": "0.3"}, recipe), settings_fault({"eps": 0.3, "steps": 2}, recipe)
    ('eps is "0.3"', 'steps is not known')
    """
    parameters, hints = inspect.signature(taker).parameters, get_type_hints(taker)
    for name, value in values.items():
        if name not in parameters:
            if strict:
                return f"{name} is not known"
        elif not _fits(value, hints[name]):
            return f"{name} is {_shown(value)}"
    lacking = [n for n, p in parameters.items() if p.default is p.empty and n not in values]
    return f"{', '.join(lacking)} lacking" if lacking else None


def _fits(value: Json, hint: Any) -> bool:
    origin, inside = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return any(_fits(value, each) for each in inside)
    if origin is Literal:
        return isinstance(value, str) and value in inside
    if origin is tuple:
        return isinstance(value, list | tuple) and all(_fits(each, inside[0]) for each in value)
    if hint is NoneType:
        return value is None
    return fault(value, hint) is None


def _shown(value: Json) -> str:
    return f'"{value[:20]}"' if isinstance(value, str) else str(value)[:40]
