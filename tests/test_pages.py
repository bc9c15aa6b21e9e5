"""Pages show the files that they name, name what can be installed, and write commands with flags that there are."""

import inspect
import re
import shlex
import tomllib
from pathlib import Path

import pytest

from robustdial.cli.arguments import given
from robustdial.cli.commands import COMMANDS
from robustdial.cli.commands.words import DEVICES
from robustdial.cli.flags import comparison_flags, recipe_named, training_flags

ROOT = Path(__file__).parents[1]
PAGES = sorted((ROOT / "docs").rglob("*.md"))
BLOCK = re.compile(r"(?ms)^ *```sh\n(.*?)^ *```")
COMMAND = re.compile(r"(?m)^ *(?:torchrun .*?-m (?:-- )?)?robustdial ([a-z].*)$")
MARKER = re.compile(r"-+\s*8\s*<\s*-*")  # also as a formatter writes it, which takes it for Python


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_files_are_shown_by_markers_that_the_site_knows(page):
    for line in page.read_text(encoding="utf-8").splitlines():
        if MARKER.match(line.strip()):
            shown = re.fullmatch(r'--8<-- "(.+)"', line)
            assert shown is not None, line
            assert (ROOT / shown[1]).is_file(), line


def test_every_extra_stands_in_the_table_of_them():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    page = (ROOT / "docs" / "tutorials" / "first-dial.md").read_text(encoding="utf-8")
    extras = project["optional-dependencies"].keys() - {"dev", "docs"}  # for work on the library itself
    assert set(re.findall(r"(?m)^\| `(\w+)` \|", page)) == extras


def test_every_example_is_named_on_a_page():
    told = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    examples = [*(ROOT / "examples").rglob("*.py"), *(ROOT / "examples").glob("*.ipynb")]
    assert {f.name for f in examples if f"examples/{f.relative_to(ROOT / 'examples').as_posix()}" not in told} == {
        "panels.py"  # a part of another
    }


def test_every_tutorial_is_named_on_the_front_page():
    told = (ROOT / "README.md").read_text(encoding="utf-8")
    tutorials = {page.relative_to(ROOT).as_posix() for page in PAGES if page.parent.name == "tutorials"}
    assert tutorials <= set(re.findall(r"\]\((docs/tutorials/[^)#]+)", told))


def takes(name, first):
    """Names of the flags of a command, for a recipe where it trains one."""
    if name == "compare":
        return inspect.signature(comparison_flags({})).parameters
    if name in ("train", "plan"):
        return inspect.signature(training_flags(recipe_named(first), more=(DEVICES,))).parameters
    return inspect.signature(COMMANDS[name]).parameters


@pytest.mark.parametrize("page", [ROOT / "README.md", *PAGES], ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_have_flags_that_there_are(page, monkeypatch):
    monkeypatch.chdir(ROOT)  # where files of examples are named from
    for block in BLOCK.findall(page.read_text(encoding="utf-8")):
        for line in COMMAND.findall(block):
            for command in line.split(" && robustdial "):
                name, *words = shlex.split(command, comments=True)
                assert given(words) <= {*takes(name, words[0] if words else ""), "help"}, command
