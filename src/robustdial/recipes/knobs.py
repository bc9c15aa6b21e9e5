"""A recipe looks at its knobs before it builds anything from them."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import ParamSpec

from robustdial.checks import arguments_fit, nearest
from robustdial.method import Method

P = ParamSpec("P")


def checked(recipe: Callable[P, Method]) -> Callable[P, Method]:
    """A recipe whose knobs are held against their annotations; numbers are finite, and not negative.

    Raises TypeError or ValueError that names the knob, what was given, and what is wanted.
    """
    signature = inspect.signature(recipe)

    @functools.wraps(recipe)
    def looked_at(*args: P.args, **knobs: P.kwargs) -> Method:
        for name in knobs.keys() - signature.parameters.keys():
            known = tuple(signature.parameters)
            raise TypeError(
                f"{recipe.__name__} has no knob {name!r}. The nearest is {nearest(name, known)!r}; all of them: "
                f"{', '.join(known)}."
            )
        arguments_fit(recipe, signature.bind(*args, **knobs).arguments)
        return recipe(*args, **knobs)

    return looked_at
