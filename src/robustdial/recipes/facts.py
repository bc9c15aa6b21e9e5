"""What a recipe says of itself: its docstring and its nouns, as data."""

from __future__ import annotations

from typing import NamedTuple, Self

from robustdial.docstrings import written_out
from robustdial.recipes import RECIPES, Recipe
from robustdial.recipes.taxonomy import CATEGORY_OF, Category
from robustdial.typing import Json

NOUNS = ("threat", "solver", "schedule", "objective", "dial")


class Words(NamedTuple):
    """What the docstring of a recipe says at a glance."""

    summary: str
    paper: str
    cost: str

    @classmethod
    def of(cls, doc: str) -> Self:
        """From a docstring without its indentation."""
        paragraphs = [" ".join(part.split()) for part in doc.split("\n\n")]
        paper, cost = (
            next(part.removeprefix(begins) for part in paragraphs if part.startswith(begins))
            for begins in ("Paper: ", "Cost: ")
        )
        return cls(doc.splitlines()[0], paper, cost)


def facts_of(name: str) -> dict[str, Json]:
    """Summary, category, paper, cost in passes, the five nouns and the passes of the first epoch of a recipe.

    >>> facts_of("fgsm-rs")["category"], facts_of("fgsm-rs")["paper"]
    ('efficient', 'Wong et al., Fast is Better than Free: Revisiting Adversarial Training, ICLR 2020.')
    """
    method, words = RECIPES[name](), Words.of(doc_of(name))
    return {
        "name": name,
        "summary": words.summary,
        "category": CATEGORY_OF[name].name,
        "paper": words.paper,
        "cost": words.cost,
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
    return written_out(recipe, RECIPES.__getitem__)


def recipes_of(category: Category) -> list[str]:
    """The recipes of a category."""
    return [name for name, its in CATEGORY_OF.items() if its.name == category.name]
