"""What `robustdial` can do, one command per file.

A command is a function: its arguments are the flags, its docstring the help. It prints for a reader and returns an exit
code; bad input is an exception, which `cli.run` turns into one line. Here stand-ins are listed: a command, and torch
with it, is imported when it is called, so that help and refusals need not wait.
"""

from __future__ import annotations

from collections.abc import Callable

from robustdial.cli.commands.words import compare_words, plan_words, train_words
from robustdial.cli.outline import outline

# in the order of the overview
_NAMES = (
    "demo",
    "train",
    "plan",
    "compare",
    "evaluate",
    "frontier",
    "choose",
    "cross",
    "mix",
    "report",
    "table",
    "app",
    "bake",
    "push",
    "zoo",
    "generator",
    "methods",
    "completion",
)

COMMANDS: dict[str, Callable[..., int]] = {name: outline(f"cli.commands.{name}", name) for name in _NAMES}

# their flags depend on the recipes that are named, so they take the words themselves, once these have been looked at
WITH_RECIPES = {"train": train_words, "plan": plan_words, "compare": compare_words}

# what several processes may be started for: to carry it out together, or each on its part
TOGETHER, APART = ("train",), ("evaluate",)

__all__ = ["APART", "COMMANDS", "TOGETHER", "WITH_RECIPES"]
