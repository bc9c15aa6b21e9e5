"""The papers of every recipe as BibTeX, read from its docstring."""

import re

import pytest

from robustdial.cli import main
from robustdial.recipes import RECIPES
from robustdial.recipes.references import Reference, references, references_of


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_has_its_papers(name):
    found = references_of(name)
    assert found and all(reference.title for reference in found)


def test_no_paper_stands_there_twice():
    keys = [reference.key for reference in references()]
    assert len(set(keys)) == len(keys) == len({reference.title for reference in references()})


@pytest.mark.parametrize(
    ("authors", "written"),
    [
        ("Vapnik", "Vapnik"),
        ("Croce & Hein", "Croce and Hein"),
        ("Poursaeed, Jiang & Lim", "Poursaeed and Jiang and Lim"),
        ("de Jorge et al.", "de Jorge and others"),
        ("Abad Rocamora et al.", "{Abad Rocamora} and others"),
    ],
)
def test_authors_are_those_of_the_docstring(authors, written):
    assert f"author = {{{written}}},\n" in Reference(authors, "A Title", "ICLR", "", "2020").bibtex


def test_the_command_line_prints_them(capsys):
    assert main.run(["methods", "m-oat", "--bibtex"]) == 0
    out = capsys.readouterr().out
    assert re.findall(r"(?m)^@(\w+)\{(\w+),$", out) == [("inproceedings", "wang2020once"), ("misc", "wang2021dynamic")]
    assert main.run(["methods", "--bibtex"]) == 0
    assert len(re.findall("(?m)^@", capsys.readouterr().out)) == len(references())
    assert main.run(["methods", "oat", "--bibtex", "--json"]) == 2
