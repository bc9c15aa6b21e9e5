"""Published methods, one paper per file, one function per method: keyword arguments are the paper's knobs."""

from __future__ import annotations

import difflib
from collections.abc import Callable

from robustdial.method import Method
from robustdial.recipes.oat import oat
from robustdial.recipes.pgd_at import pgd_at

Recipe = Callable[..., Method]

RECIPES: dict[str, Recipe] = {"oat": oat, "pgd-at": pgd_at}


def recipe(name: str) -> Recipe:
    """The recipe of a name. Raises ValueError with the nearest name."""
    if name not in RECIPES:
        near = difflib.get_close_matches(name, RECIPES, 1, 0.0)[0]
        raise ValueError(f"There is no recipe {name!r}. The nearest is {near!r}; all of them: {', '.join(RECIPES)}.")
    return RECIPES[name]


__all__ = ["RECIPES", "Recipe", "oat", "pgd_at", "recipe"]
