"""Docstrings in which what is said elsewhere is written out. Needs nothing slow: help pages are made of them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any


def written_out(function: Callable[..., Any], named: Callable[[str], Callable[..., Any]]) -> str:
    """The docstring of a function. Arguments that are "others: as in `name`" are written out as they stand there.

    Args:
        function: whose docstring it is.
        named: the function of such a name.
    """
    doc = inspect.cleandoc(function.__doc__ or "")
    others = re.search(r"^ {4}others: as in `([\w-]+)`\.$", doc, re.MULTILINE)
    if others is None:
        return doc
    own, shared = _arguments(doc), _arguments(written_out(named(others[1]), named))
    missing = [shared[name] for name in inspect.signature(function).parameters if name not in own]
    return doc.replace(others[0], "\n".join(missing))


def _arguments(doc: str) -> dict[str, str]:
    """What a docstring says of each argument, its name included."""
    block = doc.partition("\nArgs:\n")[2].partition("\n\n")[0]
    return {found[1]: found[0] for found in re.finditer(r"^ {4}(\w+): .*(?:\n {8}.*)*", block, re.MULTILINE)}
