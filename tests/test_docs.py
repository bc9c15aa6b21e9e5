"""The lines of the pages that say they run."""

import doctest
from pathlib import Path

import pytest

PAGES = Path(__file__).parents[1] / "docs"


@pytest.mark.parametrize("page", ["dials.md"])
def test_the_lines_of_a_page_run(page):
    failed, tried = doctest.testfile(str(PAGES / page), module_relative=False)
    assert tried and not failed
