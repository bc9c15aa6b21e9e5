"""What a page shows of a file is that file: the marker is one that the site knows, and names what is there."""

import re
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
