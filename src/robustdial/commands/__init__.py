"""What `robustdial` can do, one command per file.

A command is a function: its arguments are the flags, its docstring the help. It prints for a reader and returns an exit
code; bad input is an exception, which `cli.run` turns into one line.
"""

from __future__ import annotations

from collections.abc import Callable

from robustdial.commands.bake import bake
from robustdial.commands.choose import choose
from robustdial.commands.compare import compare
from robustdial.commands.cross import cross
from robustdial.commands.demo import demo
from robustdial.commands.evaluate import evaluate
from robustdial.commands.frontier import frontier
from robustdial.commands.generator import generator
from robustdial.commands.methods import methods
from robustdial.commands.push import push
from robustdial.commands.report import report
from robustdial.commands.train import train

# in the order of the overview
COMMANDS: dict[str, Callable[..., int]] = {
    "demo": demo,
    "train": train,
    "compare": compare,
    "evaluate": evaluate,
    "frontier": frontier,
    "choose": choose,
    "cross": cross,
    "report": report,
    "bake": bake,
    "push": push,
    "generator": generator,
    "methods": methods,
}

# their flags depend on the recipes that are named, so they take the words themselves
WITH_RECIPES = ("train", "compare")

__all__ = ["COMMANDS", "WITH_RECIPES"]
