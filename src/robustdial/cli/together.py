"""A command that several processes carry out together: one of them speaks, all end alike."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

from robustdial.cli.terminal import console

if TYPE_CHECKING:
    from robustdial.distributed import Meeting, World

_met: list[Meeting] = []
_worlds: list[World] = []


def in_company() -> bool:
    """Whether the environment speaks of several processes."""
    return os.environ.get("WORLD_SIZE", "1") != "1"


def join() -> World:
    """The processes that were started together to carry out this command; from here on only the first one prints."""
    from robustdial.distributed import ALONE, Several, started_together

    if _worlds:
        return _worlds[0]
    found = started_together()
    if found is None:
        return ALONE
    _met.append(found)
    console.quiet = found.rank > 0
    found.gather()
    _worlds.append(Several(found))
    return _worlds[0]


def first_to_say() -> bool:
    """Whether what is wrong has been said by no other process."""
    return all(found.first_to_say() for found in _met)


def part() -> None:
    """Leave when the others can."""
    _worlds.clear()
    while _met:
        _met.pop().part()
    console.quiet = False


def leave_alike() -> None:
    """From here on the exit code stands: a launcher asks the others to stop when it sees the first one leave."""
    if in_company():
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
