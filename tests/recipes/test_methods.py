"""The map of the methods: every recipe has one place, and what is said of it is said once."""

import importlib
import json
from pathlib import Path

import pytest

from robustdial.cli import main
from robustdial.recipes import RECIPES
from robustdial.recipes.facts import facts_of, recipes_of
from robustdial.recipes.taxonomy import CATEGORIES, CATEGORY_OF

DOCS = Path(__file__).parents[2] / "docs" / "methods"


def test_every_recipe_has_one_category():
    assert sorted(CATEGORY_OF) == sorted(RECIPES)
    assert sorted(name for category in CATEGORIES for name in recipes_of(category)) == sorted(RECIPES)


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_has_a_paper_and_a_cost_in_passes(name):
    facts = facts_of(name)
    assert facts["paper"]
    assert any(word in facts["cost"] for word in ("pass", "replay"))
    assert facts["passes"] >= 1


def test_what_is_absent_is_not_there():
    absent = [name for category in CATEGORIES for name, _ in category.absent]
    assert len(set(absent)) == len(absent)
    assert not {name.lower() for name in absent} & set(RECIPES)


@pytest.mark.parametrize(("script", "page"), [("map", "README.md"), ("counted", "passes.md")])
def test_a_page_is_what_its_script_writes(script, page, monkeypatch):
    monkeypatch.syspath_prepend(DOCS)
    written, expected = (DOCS / page).read_text(), importlib.import_module(script).page()
    assert written == expected, f"write it anew: python docs/methods/{script}.py > docs/methods/{page}"


def test_the_list_is_by_kind(capsys):
    assert main.run(["methods"]) == 0
    out = capsys.readouterr().out
    assert all(f"{category.name}: " in out for category in CATEGORIES)
    assert all(f"  {name} " in out for name in RECIPES)
    assert "not implemented: DVERGE" in out


def test_json_is_by_kind(capsys):
    assert main.run(["methods", "--json"]) == 0
    kinds = json.loads(capsys.readouterr().out)
    assert [kind["category"] for kind in kinds] == [category.name for category in CATEGORIES]
    assert {row["name"] for kind in kinds for row in kind["recipes"]} == set(RECIPES)
    assert {"name", "paper"} == kinds[1]["absent"][0].keys()


def test_one_recipe_is_shown_in_full(capsys):
    assert main.run(["methods", "localized"]) == 0
    out = capsys.readouterr().out
    for part in ("non-Lp", "min_w", "Departures", "percentile:", "Masked(", "passes"):
        assert part in out
    assert main.run(["methods", "oat", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["category"] == "once-for-all and other variants"


def test_an_unknown_recipe_is_one_line(capsys):
    assert main.run(["methods", "oath"]) == 2
    assert "The nearest is 'oat'" in capsys.readouterr().err
