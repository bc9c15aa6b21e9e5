"""A column of a table that says which part a row is of, under whatever name."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from robustdial.data.parts import part_among, part_called
from robustdial.data.shown import few, shown

_MOST = 6
"""Different words of a column that may be the parts of a set."""


def part_column(columns: Mapping[str, Collection[str]], where: str) -> str | None:
    """The column whose every word means a part, of columns with their different words; None if there is none such.

    Raises ValueError if there are several.

    >>> part_column({"label": {"cat", "dog"}, "Usage": {"Training", "Test"}}, "x.csv")
    'Usage'
    """
    found = [name for name, words in columns.items() if words and all(map(part_called, words))]
    if len(found) > 1:
        raise ValueError(f"{where} has several columns of parts: {few(found)}. Leave one, called split.")
    return found[0] if found else None


def check_no_parts(columns: Mapping[str, Collection[str]], where: str, remedy: str) -> None:
    """Raise a ValueError if a column that is not used seems to say which images are to be learned from."""
    for name, words in columns.items():
        parts = {part_called(word) for word in words}
        if ("train" in parts and 2 <= len(words) <= _MOST) or (part_among(name) and len(words) == 2):  # as is_train
            raise ValueError(
                f"{where}: the column {shown(name)} seems to say which part a row is of ({few(sorted(words))}). "
                f"{remedy}, or take the column out."
            )
