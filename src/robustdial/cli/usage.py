"""What every refusal of a command line is made of."""

from __future__ import annotations

from collections.abc import Sequence

from robustdial.checks import nearest


class UsageError(ValueError):
    """A command line that cannot be understood."""


def refuse(why: str | None) -> None:
    """Raise UsageError with the reason, if there is one."""
    if why is not None:
        raise UsageError(why)


def choose(name: str, known: Sequence[str], what: str) -> str:
    """`name` if it is known. Raises UsageError with the nearest known name."""
    if name in known:
        return name
    raise UsageError(
        f"There is no {what} {name!r}. The nearest is {nearest(name, known)!r}; all of them: {', '.join(known)}."
    )
