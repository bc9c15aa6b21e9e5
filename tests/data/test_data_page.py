"""What docs/data.md says is true."""

from __future__ import annotations

from pathlib import Path

from robustdial.data import names, parts, picture, reading

PAGE = Path(__file__).parents[2] / "docs" / "data.md"


def test_its_tables_are_those_of_the_code():
    text = PAGE.read_text(encoding="utf-8")
    for part, called in parts._CALLED.items():
        assert f"| `{part}` | {', '.join(called)} |" in text
    for name in names():
        assert ":" not in name or f"`{name}`" in text
    assert f"below {reading.SMALLEST} pixels" in text
    assert f"{picture.MOST_PIXELS // 10**6} million pixels" in text
