"""A recipe of the user's, in a file of theirs."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache, wraps
from typing import Any, get_type_hints

from robustdial.method import Method
from robustdial.own_code import absolute, digest_of, own, told


def own_recipe(place: str) -> Callable[..., Method]:
    """The function at a place, held to what a recipe is.

    Raises ValueError if its arguments have no types or no values to begin with, or when it fails or gives no method.
    """
    return _own_recipe(absolute(place), digest_of(place))


@cache
def _own_recipe(place: str, digest: str) -> Callable[..., Method]:
    function = own(place, "recipe")
    with told(f"recipe {place}"):
        hints = get_type_hints(function)
    for name, knob in inspect.signature(function).parameters.items():
        if name not in hints or knob.default is knob.empty:
            raise ValueError(
                f"recipe {place}: its argument {name} has no type or no default. Write for example {name}: float = 1.0."
            )

    @wraps(function)
    def recipe(**knobs: Any) -> Method:
        with told(f"recipe {place}"):
            method = function(**knobs)
        if not isinstance(method, Method):
            raise ValueError(
                f"recipe {place} gives {type(method).__name__}, not a method. Return robustdial.Method(...)."
            )
        return method

    return recipe
