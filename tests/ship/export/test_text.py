"""Class names and paths in a card are text, whatever is in them."""

import ast

import pytest

from robustdial.ship.export import FORMATS, Facts
from robustdial.ship.export.text import plain


@pytest.mark.parametrize("name", ["pt2", "onnx", "safetensors", "robustbench"])
@pytest.mark.parametrize("file", ['a"b/x', "set [v2]/x", "back\\slash/x", "{x}/y"])
def test_the_python_in_a_card_is_python(name, file):
    facts = Facts("cnn", 4, ("a", "b"), (1, 8, 8), (0.5,), (0.5,), None, 1.0)
    strings = [
        node.value for node in ast.walk(ast.parse(FORMATS[name].lines(file, facts))) if type(node) is ast.Constant
    ]
    assert file in strings or file.rpartition("/")[0] in strings


@pytest.mark.parametrize("text", ["a|b", "`rm`", "<img src=x onerror=alert(1)>", "*a*", "[a](b)", "two\nlines"])
def test_a_cell_stays_a_cell(text):
    told = plain(text)
    assert "\n" not in told and "](" not in told
    for mark in "|`<*":
        assert told.replace(f"\\{mark}", "").count(mark) == 0
