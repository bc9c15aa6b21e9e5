"""Pages show the files that they name, and name what can be installed."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted((ROOT / "docs").rglob("*.md"))
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
