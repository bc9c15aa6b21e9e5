"""Names of files as a line of text: on one line, and with nothing that an encoding could stumble over."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Sequence

NAMED = 3
"""Names that stand for more."""


def shown(name: str) -> str:
    r"""A name in which what cannot be printed is escaped; bytes that are no UTF-8, too.

    >>> shown("caf\udce9.png"), shown("two\nlines")
    ('caf\\xe9.png', 'two\\nlines')
    """
    text = os.fsencode(name).decode("utf-8", "backslashreplace")
    return "".join(sign if _is_plain(sign) else sign.encode("unicode_escape").decode() for sign in text)


def few(names: Sequence[str]) -> str:
    """The first names, and that there are more.

    >>> few(["a", "b"]), few(list("abcde"))
    ('a, b', 'a, b, c, ...')
    """
    return ", ".join([*map(shown, names[:NAMED]), *(["..."] if len(names) > NAMED else [])])


def check_text(name: str, what: str) -> None:
    """Raise a ValueError if a name, which will stand in reports, is not UTF-8."""
    if not all(map(_is_plain, name)):
        raise ValueError(f"{what} {shown(name)} has a name that is not plain text (UTF-8). Rename it.")


def _is_plain(sign: str) -> bool:
    """Neither a control sign, a break of the line, nor half of a pair."""
    return unicodedata.category(sign) not in ("Cc", "Cs", "Zl", "Zp")
