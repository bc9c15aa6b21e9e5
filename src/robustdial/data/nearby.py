"""Where a file probably is that is not where a table says."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from itertools import islice, takewhile
from pathlib import Path

_LOOKED_AT = 20_000
"""Files; more would be felt."""


def near(name: str, folder: Path) -> list[str]:
    """Files below a folder that are called as `name` is, in capitals or not, with an ending or without.

    Of several, those that lie in folders of the same names as in `name`, with slashes of whatever kind.
    """
    wanted = _from_the_end(name)
    alike: dict[int, list[str]] = {}
    for path in islice(_files_below(folder), _LOOKED_AT):
        found = _from_the_end(path)
        if wanted[0] in (found[0], os.path.splitext(found[0])[0]):
            same = takewhile(lambda pair: pair[0] == pair[1], zip(wanted[1:], found[1:], strict=False))
            alike.setdefault(len(list(same)), []).append(path)
    return sorted(alike[max(alike)]) if alike else []


def _files_below(folder: Path) -> Iterator[str]:
    for place, _, files in os.walk(folder):
        yield from (os.path.relpath(os.path.join(place, file), folder) for file in files)


def _from_the_end(path: str) -> list[str]:
    """The name of a file and of the folders that it lies in, from the innermost."""
    return re.split(r"[/\\]", path.casefold())[::-1]
