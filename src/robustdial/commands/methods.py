"""`robustdial methods`."""

from __future__ import annotations

import inspect
import json as json_format

from robustdial.console import console
from robustdial.recipes import RECIPES
from robustdial.typing import Json


def methods(json: bool = False) -> int:
    """List the recipes: paper, nouns, passes.

    Args:
        json: print them as JSON.
    """
    rows = [_method_row(name) for name in RECIPES]
    if json:
        print(json_format.dumps(rows, indent=1))
        return 0
    for row in rows:
        console.print(f"[bold]{row['name']}[/]  {row['summary']}", soft_wrap=True)
        for fact in ("paper", "cost", "threat", "solver", "schedule", "objective", "dial", "passes"):
            console.print(f"  {fact:9} {row[fact]}", soft_wrap=True, markup=False)
    return 0


def _method_row(name: str) -> dict[str, Json]:
    method, doc = RECIPES[name](), inspect.cleandoc(RECIPES[name].__doc__ or "")
    nouns = {noun: repr(getattr(method, noun)) for noun in ("threat", "solver", "schedule", "objective", "dial")}
    passes = method.schedule.passes(method.schedule.init())
    facts = {fact.lower(): _paragraph(doc, fact) for fact in ("Paper", "Cost")}
    return {"name": name, "summary": doc.splitlines()[0], **facts, **nouns, "passes": passes}


def _paragraph(doc: str, begins: str) -> str:
    found = next(part for part in doc.split("\n\n") if part.startswith(f"{begins}: "))
    return " ".join(found.removeprefix(f"{begins}: ").split())
