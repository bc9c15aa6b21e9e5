"""What `robustdial` can do, one command per file.

A command is a function: its arguments are the flags, its docstring the help. It prints for a reader and returns an exit
code; bad input is an exception, which `cli.run` turns into one line.
"""

from __future__ import annotations

from collections.abc import Callable

from robustdial.cli.commands.app import app
from robustdial.cli.commands.bake import bake
from robustdial.cli.commands.choose import choose
from robustdial.cli.commands.compare import compare
from robustdial.cli.commands.cross import cross
from robustdial.cli.commands.demo import demo
from robustdial.cli.commands.evaluate import evaluate
from robustdial.cli.commands.frontier import frontier
from robustdial.cli.commands.generator import generator
from robustdial.cli.commands.methods import methods
from robustdial.cli.commands.mix import mix
from robustdial.cli.commands.push import push
from robustdial.cli.commands.report import report
from robustdial.cli.commands.train import train
from robustdial.cli.commands.zoo import zoo

# in the order of the overview
COMMANDS: dict[str, Callable[..., int]] = {
    "demo": demo,
    "train": train,
    "compare": compare,
    "evaluate": evaluate,
    "frontier": frontier,
    "choose": choose,
    "cross": cross,
    "mix": mix,
    "report": report,
    "app": app,
    "bake": bake,
    "push": push,
    "zoo": zoo,
    "generator": generator,
    "methods": methods,
}

# their flags depend on the recipes that are named, so they take the words themselves
WITH_RECIPES = ("train", "compare")

# what several processes may be started for, together (train) or each on its part (evaluate)
IN_SEVERAL = ("train", "evaluate")

__all__ = ["COMMANDS", "IN_SEVERAL", "WITH_RECIPES"]
