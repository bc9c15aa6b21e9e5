"""The pages of the site that are made from the code: one per recipe, one per room. Run by mkdocs (mkdocs-gen-files)."""

from __future__ import annotations

import importlib
import inspect
import re

import mkdocs_gen_files

import robustdial
from robustdial.recipes import RECIPES
from robustdial.recipes.facts import NOUNS, doc_of, facts_of

ROOMS = (
    "typing",
    "models",
    "data",
    "data.corruption",
    "generator",
    "dial",
    "method",
    "method.threat",
    "method.solver",
    "method.schedule",
    "method.objective",
    "recipes",
    "training",
    "attack",
    "evaluate",
    "evaluate.check",
    "run",
    "study.tradeoff",
    "study.evaluation",
    "study.comparison",
    "ship.export",
    "ship.hub",
    "theory",
)


def write(path: str, text: str) -> None:
    """A page of the site."""
    with mkdocs_gen_files.open(path, "w") as file:
        file.write(text)


def recipe_page(name: str) -> str:
    """What a recipe is, how it is run, what it is made of."""
    facts, doc = facts_of(name), doc_of(name)
    summary, _, rest = doc.partition("\n\n")
    knobs = rest.partition("Args:\n")[2]
    body = rest.partition("Args:\n")[0].rstrip()
    nouns = "\n".join(f"| {noun} | `{facts[noun]}` |" for noun in NOUNS)
    return f"""# {name}

{summary}

```sh
robustdial train {name} --data digits --out runs/{name}
```

{body}

## Knobs

{_knobs(knobs)}

## What it is made of

| noun | by default |
| --- | --- |
{nouns}

In Python: `robustdial.{RECIPES[name].__name__}(...)`. Kind: {facts["category"]}.
"""


def _knobs(text: str) -> str:
    rows = re.findall(r"(?m)^ {4}(\w+): (.+(?:\n {8}.+)*)", text)
    lines = [f"| `--{name.replace('_', '-')}` | {' '.join(words.split())} |" for name, words in rows]
    return "\n".join(["| knob | |", "| --- | --- |", *lines]) if lines else "None."


def room_page(room: str) -> str:
    """The public names of a room, from its docstrings."""
    module = importlib.import_module(f"robustdial.{room}")
    lines = [f"# robustdial.{room}", "", inspect.cleandoc(module.__doc__ or "").partition("\n\n")[0], ""]
    for name in getattr(module, "__all__", ()):
        value = getattr(module, name)
        if inspect.isclass(value) or inspect.isfunction(value):
            lines.append(f"::: {value.__module__}.{value.__qualname__}")
    others = [name for name in getattr(module, "__all__", ()) if _is_value(getattr(module, name))]
    return "\n".join([*lines, "", *(f"- `{name}`" for name in others)]) + "\n"


def _is_value(value: object) -> bool:
    return not (inspect.isclass(value) or inspect.isfunction(value) or inspect.ismodule(value))


def top_page() -> str:
    """The rooms, and the names that users import from `robustdial` itself."""
    lines = ["# Reference", "", "Everything in the first table is imported as `import robustdial as rd`.", ""]
    lines += ["| name | |", "| --- | --- |"]
    for name in sorted(robustdial.__all__, key=str.lower):
        doc = (inspect.getdoc(getattr(robustdial, name)) or "").partition("\n")[0].replace("|", "\\|")
        lines.append(f"| `rd.{name}` | {doc} |")
    lines += ["", "## Rooms", "", "In full, room by room ([a walk through the house](../house.md)):", ""]
    for room in ROOMS:
        doc = (inspect.getdoc(importlib.import_module(f"robustdial.{room}")) or "").partition("\n")[0]
        lines.append(f"- [`robustdial.{room}`]({room}.md): {doc}")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write them all, and the lists that lead to them."""
    listed = ["# Recipes", "", "One page for each; on the survey's map: [the methods](../methods/README.md).", ""]
    for name in RECIPES:
        write(f"recipes/{name}.md", recipe_page(name))
        listed.append(f"- [`{name}`]({name}.md): {facts_of(name)['summary']}")
    write("recipes/index.md", "\n".join(listed) + "\n")
    write("reference/index.md", top_page())
    for room in ROOMS:
        write(f"reference/{room}.md", room_page(room))


main()
