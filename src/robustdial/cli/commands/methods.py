"""`robustdial methods`."""

from __future__ import annotations

import inspect
import json as json_format
from typing import TYPE_CHECKING

from rich.text import Text

from robustdial.cli.flags import recipe_named
from robustdial.cli.outline import outline, table
from robustdial.cli.terminal import console
from robustdial.cli.usage import UsageError, choose
from robustdial.typing import Json

if TYPE_CHECKING:
    from robustdial.recipes.references import Reference
    from robustdial.recipes.taxonomy import Category


def methods(name: str | None = None, /, json: bool = False, bibtex: bool = False) -> int:
    """List the recipes by their kind, and what is not implemented: robustdial methods, robustdial methods oat

    The kinds are those of the survey by Bai et al., IJCAI 2021.

    Args:
        name: a recipe, to be shown in full: equation, departures, knobs, nouns.
        json: print it as JSON.
        bibtex: print its papers, or those of all, as BibTeX. Authors are named as in the list: et al. are `others`.
    """
    if name is not None:
        choose(name, tuple(table("recipes", "RECIPES")), "recipe")
    if json and bibtex:
        raise UsageError("--json and --bibtex are two forms. Give one of them.")
    if bibtex:
        print(*(reference.bibtex for reference in _papers(name)), sep="\n\n")
    elif json:
        print(json_format.dumps(_known(name) if name else _kinds(), indent=1))
    elif name:
        _show(name)
    else:
        for category in outline("recipes.taxonomy", "CATEGORIES"):
            _list(category)
        console.print("robustdial methods NAME shows one in full; with --bibtex, its papers.")
    return 0


def _papers(name: str | None) -> list[Reference]:
    from robustdial.recipes.references import references, references_of

    return references_of(name) if name else references()


def _kinds() -> list[dict[str, Json]]:
    from robustdial.recipes.taxonomy import CATEGORIES

    return [_kind(category) for category in CATEGORIES]


def _kind(category: Category) -> dict[str, Json]:
    from robustdial.recipes.facts import facts_of, recipes_of

    absent = [{"name": name, "paper": paper} for name, paper in category.absent]
    recipes = [facts_of(name) for name in recipes_of(category)]
    return {"category": category.name, "about": category.about, "recipes": recipes, "absent": absent}


def _known(name: str) -> dict[str, Json]:
    from robustdial.recipes.facts import doc_of, facts_of

    return facts_of(name) | {"doc": doc_of(name)}


def _list(category: Category) -> None:
    console.print(Text.assemble((category.name, "bold"), f": {category.about}"), soft_wrap=True)
    for name in (name for name, its in outline("recipes.taxonomy", "CATEGORY_OF").items() if its is category):
        words = outline("recipes.facts", "Words").of(inspect.cleandoc(recipe_named(name).__doc__ or ""))
        console.print(Text.assemble("  ", (f"{name:18}", "bold"), words.summary), soft_wrap=True)
        console.print(f"{'':20}{words.paper} Cost: {words.cost}", soft_wrap=True)
    for name, paper in category.absent:
        console.print(f"  not implemented: {name} ({paper})", soft_wrap=True)
    console.print()


def _show(name: str) -> None:
    from robustdial.recipes.facts import NOUNS, doc_of, facts_of

    facts = facts_of(name)
    console.print(Text.assemble((name, "bold"), f"  {facts['category']}"), soft_wrap=True)
    console.print(f"\n{doc_of(name)}\n", soft_wrap=True)
    for fact in (*NOUNS, "passes"):
        console.print(f"{fact:10}{facts[fact]}", soft_wrap=True)
