"""What is wrong with the shape of a piece of JSON, if anything.

A form is written as the JSON that it describes:

    {"lam": Maybe(float), "n": int, "threat?": str}     an object with these keys; those with ? may be missing
    {...: float}                                        an object of any keys, and values of this form
    [float]                                             a list of any length
    [float, float]                                      a list of this length
    (0.0, 1.0)                                          numbers from one to the other
    {"a", "b"}                                          one of these texts
    str, bool, int, float                               float takes whole numbers too; no number is infinite
    ANY                                                 anything
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from robustdial.typing import Json

Form = Any
ANY = object()
_WORDS = {str: "a text", bool: "true or false", int: "a whole number", float: "a number"}


@dataclass(frozen=True)
class Maybe:
    """A form, or null."""

    form: Form


def fault(value: Json, form: Form) -> str | None:
    """What is wrong with `value`, in words; None if it has the form.

    >>> fault({"points": [{"lam": 0.5}, {"lam": "a"}]}, {"points": [{"lam": float}]})
    'points[1].lam is "a", not a number'
    >>> fault({"n": 3}, {"n": int, "seed": int, "threat?": str})
    'it lacks seed'
    """
    return next(_faults(value, form, ""), None)


def _faults(value: Json, form: Form, at: str) -> Iterator[str]:
    match form:
        case Maybe():
            yield from () if value is None else _faults(value, form.form, at)
        case dict():
            yield from _in_object(value, form, at)
        case list():
            yield from _in_list(value, form, at)
        case set():
            if not isinstance(value, str) or value not in form:
                yield _told(value, f"one of {', '.join(sorted(form))}", at)
        case (low, high):
            if not _is(value, type(low)) or not low <= value <= high:
                yield _told(value, f"{_WORDS[type(low)]} from {low:g} to {high:g}", at)
        case type():
            if not _is(value, form):
                yield _told(value, _WORDS[form], at)


def _in_object(value: Json, form: dict[Any, Form], at: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield _told(value, "an object", at)
        return
    inside = form.get(...)
    for key, each in value.items() if inside is not None else ():
        yield from _faults(each, inside, _under(at, key))
    named = {key.removesuffix("?"): each for key, each in form.items() if key is not ...}
    missing = [key for key in form if key is not ... and not key.endswith("?") and key not in value]
    if missing:
        yield f"{at or 'it'} lacks {', '.join(missing)}"
    for key, each in named.items():
        if key in value:
            yield from _faults(value[key], each, _under(at, key))


def _in_list(value: Json, form: list[Form], at: str) -> Iterator[str]:
    if not isinstance(value, list):
        yield _told(value, "a list", at)
    elif len(form) > 1 and len(value) != len(form):
        yield f"{at or 'it'} has length {len(value)}, not {len(form)}"
    else:
        for index, each in enumerate(value):
            yield from _faults(each, form[0], f"{at}[{index}]")


def _is(value: Json, kind: type) -> bool:
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool) and _finite(value)
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


def _finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number of hundreds of digits
        return False


def _under(at: str, key: str) -> str:
    return f"{at}.{key}" if at else key


def _told(value: Json, wanted: str, at: str) -> str:
    words = {dict: "an object", list: "a list", type(None): "null", bool: str(value).lower()}
    said = words.get(type(value)) or (f'"{value[:20]}"' if isinstance(value, str) else f"{value:.12g}")
    return f"{at or 'it'} is {said}, not {wanted}"
