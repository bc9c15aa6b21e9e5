"""A command that several processes carry out together: one of them speaks, all end alike."""

from __future__ import annotations

from robustdial.cli.console import console
from robustdial.distributed import ALONE, Meeting, Several, World, started_together

_met: list[Meeting] = []


def join() -> World:
    """The processes that were started together to carry out this command; from here on only the first one prints."""
    found = started_together()
    if found is None:
        return ALONE
    _met.append(found)
    console.quiet = found.rank > 0
    found.gather()
    return Several(found)


def first_to_say() -> bool:
    """Whether what is wrong has been said by no other process."""
    return all(found.first_to_say() for found in _met)


def part() -> None:
    """Leave when the others can."""
    while _met:
        _met.pop().part()
    console.quiet = False
