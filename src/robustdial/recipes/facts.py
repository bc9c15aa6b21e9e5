"""What a recipe says of itself: its docstring and its nouns, as data."""

from __future__ import annotations

import inspect
import re

from robustdial.recipes import RECIPES, Recipe
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
    return documented(RECIPES[name])


def documented(recipe: Recipe) -> str:
    """The docstring of a recipe. Knobs that are "others: as in" another recipe are written out as they stand there.

    >>> "eps: radius of the threat" in documented(RECIPES["radial-trades"])
    True
    """
    doc = inspect.cleandoc(recipe.__doc__ or "")
    others = re.search(r"^ {4}others: as in `([\w-]+)`\.$", doc, re.MULTILINE)
    if others is None:
        return doc
    own, shared = _knobs(doc), _knobs(doc_of(others[1]))
    missing = [shared[name] for name in inspect.signature(recipe).parameters if name not in own]
    return doc.replace(others[0], "\n".join(missing))


def _knobs(doc: str) -> dict[str, str]:
    """What a docstring says of each argument, its name included."""
    block = doc.partition("\nArgs:\n")[2].partition("\n\n")[0]
    return {found[1]: found[0] for found in re.finditer(r"^ {4}(\w+): .*(?:\n {8}.*)*", block, re.MULTILINE)}


def recipes_of(category: Category) -> list[str]:
    """The recipes of a category."""
    return [name for name, its in CATEGORY_OF.items() if its is category]


def _paragraph(doc: str, begins: str) -> str:
    found = next(part for part in doc.split("\n\n") if part.startswith(f"{begins}: "))
    return " ".join(found.removeprefix(f"{begins}: ").split())
