"""What a recipe says of itself: its docstring and its nouns, as data."""

from __future__ import annotations

import inspect

from robustdial.recipes import RECIPES
from robustdial.recipes.taxonomy import CATEGORY_OF, Category
from robustdial.typing import Json

NOUNS = ("threat", "solver", "schedule", "objective", "dial")


def facts_of(name: str) -> dict[str, Json]:
    """Summary, category, paper, cost in passes, the five nouns and the passes of the first epoch of a recipe.

    >>> facts_of("fgsm-rs")["category"], facts_of("fgsm-rs")["paper"]
    ('efficient', 'Wong et al., Fast is Better than Free: Revisiting Adversarial Training, ICLR 2020.')
    """
    method, doc = RECIPES[name](), doc_of(name)
    return {
        "name": name,
        "summary": doc.splitlines()[0],
        "category": CATEGORY_OF[name].name,
        "paper": _paragraph(doc, "Paper"),
        "cost": _paragraph(doc, "Cost"),
        **{noun: repr(getattr(method, noun)) for noun in NOUNS},
        "passes": method.schedule.passes(method.schedule.init()),
    }


def doc_of(name: str) -> str:
    """The whole docstring of a recipe."""
    return inspect.cleandoc(RECIPES[name].__doc__ or "")


def recipes_of(category: Category) -> list[str]:
    """The recipes of a category."""
    return [name for name, its in CATEGORY_OF.items() if its is category]


def _paragraph(doc: str, begins: str) -> str:
    found = next(part for part in doc.split("\n\n") if part.startswith(f"{begins}: "))
    return " ".join(found.removeprefix(f"{begins}: ").split())
