"""Files that are numbered and say how many there are (`train-00000-of-00002`): whether all of them are there."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path


def missing_files(paths: Iterable[Path]) -> tuple[str, ...]:
    """A note for each row of numbered files of which some are not there.

    >>> missing_files([Path("train-00000-of-00003.parquet"), Path("test-00000-of-00001.parquet")])
    ('Of train-*-of-00003.parquet 1 of 3 files are there.',)
    """
    rows: dict[tuple[Path, str, str, str], set[int]] = defaultdict(set)
    for path in paths:
        if match := re.fullmatch(r"(.*?)(\d+)-of-(\d+)(.*)", path.name):
            before, number, of, after = match.groups()
            rows[path.parent, before, of, after].add(int(number))
    return tuple(
        f"Of {before}*-of-{of}{after} {len(found):,} of {int(of):,} files are there."
        for (_, before, of, after), found in rows.items()
        if len(found) < int(of)
    )
