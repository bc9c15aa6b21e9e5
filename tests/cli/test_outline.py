"""Help, refusals and lists come without torch, and say what the real functions say."""

import ast
import inspect
import subprocess
import sys
from dataclasses import fields
from importlib import import_module
from typing import get_type_hints

import pytest

import robustdial
from robustdial.cli.commands import COMMANDS
from robustdial.cli.outline import outline, table
from robustdial.recipes import RECIPES
from robustdial.recipes.presets import PRESETS
from robustdial.recipes.taxonomy import CATEGORY_OF
from robustdial.run import Run
from robustdial.study.evaluation import EXTRAS

FUNCTIONS = {
    f"recipes {name}": (outline("recipes", table("recipes", "RECIPES")[name]), RECIPES[name]) for name in RECIPES
}
FUNCTIONS |= {
    name: (COMMANDS[name], getattr(import_module(f"robustdial.cli.commands.{name}"), name)) for name in COMMANDS
}


def told(function):
    parameters = [(p.name, p.kind, p.default) for p in inspect.signature(function).parameters.values()]
    hints = {name: hint for name, hint in get_type_hints(function).items() if name != "return"}
    return function.__name__, parameters, hints, function.__doc__


@pytest.mark.parametrize("name", FUNCTIONS)
def test_an_outline_says_what_the_function_says(name):
    stand_in, real = FUNCTIONS[name]
    assert told(stand_in) == told(real)


def test_a_stand_in_does_what_the_function_does():
    assert outline("recipes", "trades")(beta=3.0) == RECIPES["trades"](beta=3.0)


def test_outlines_of_values_are_equal_to_them():
    settings = outline("run.settings", "Run")
    assert [(f.name, f.default) for f in fields(settings)] == [(f.name, f.default) for f in fields(Run)]
    assert {f.name: f.type for f in fields(settings)} == get_type_hints(Run)
    assert list(table("recipes", "RECIPES")) == list(RECIPES)
    assert list(table("study.evaluation.extra_measurements", "EXTRAS")) == list(EXTRAS)
    theirs = outline("recipes.presets", "PRESETS")
    assert {name: preset.of("free") for name, preset in theirs.items()} == {n: p.of("free") for n, p in PRESETS.items()}
    named = {name: its.name for name, its in outline("recipes.taxonomy", "CATEGORY_OF").items()}
    assert named == {name: its.name for name, its in CATEGORY_OF.items()}


LINES = [
    [],
    ["--help"],
    ["--version"],
    ["methods"],
    ["train"],
    ["train", "oat", "--help"],
    ["train", "oat", "--epsilom", "1"],
    ["train", "nothing"],
    ["train", "oat", "--epochs", "x"],
    ["compare", "--help"],
    ["compare", "oat", "--epochs", "0"],
    *([name, "--help"] for name in COMMANDS if name not in ("train", "compare", "methods")),
    ["evaluate", "--nothing"],
    ["nothing"],
]
HEAVY = ("torch", "numpy", "scipy", "plotly", "sklearn", "PIL", "jinja2")


def test_help_lists_and_refusals_come_without_anything_slow():
    program = (
        "import contextlib, sys\nfrom robustdial.cli.main import run\n"
        f"for line in {LINES}:\n    with contextlib.suppress(SystemExit):\n        run(line)\n"
        f"    assert not sys.modules.keys() & set({HEAVY}), line\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-500:]


def test_the_house_opens_its_rooms_when_they_are_asked_for():
    program = (
        "import sys, robustdial as rd\nassert 'torch' not in sys.modules\nimport robustdial.dial, robustdial.data\n"
        "from robustdial import dial\nassert rd.dial is dial and callable(dial) and rd.oat().dial\n"
        "loaded = sys.modules.keys() & {'scipy', 'plotly', 'sklearn', 'torchvision', 'jinja2', 'pandas'}\n"
        "assert not loaded, loaded\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-500:]


def test_the_table_of_rooms_is_what_type_checkers_read():
    tree = ast.parse(inspect.getsource(robustdial))
    (checked,) = (node for node in tree.body if isinstance(node, ast.If))
    lines = (node for node in checked.body if isinstance(node, ast.ImportFrom))
    imported = {alias.name: node.module for node in lines for alias in node.names}
    rooms = {name: f"robustdial.{room}" for name, room in robustdial._ROOM_OF.items()}
    assert imported.keys() == rooms.keys() == set(robustdial.__all__)
    assert all(imported[name].startswith(room) for name, room in rooms.items())
    assert all(getattr(robustdial, name) is not None for name in robustdial.__all__)
    assert robustdial.__version__


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="nonsense"):
        _ = robustdial.nonsense
