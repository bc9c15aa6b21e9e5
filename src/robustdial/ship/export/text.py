"""Names that are somebody else's, in Markdown and in Python."""

from __future__ import annotations

import json
import re

_MARKS = re.compile(r"[\\`*<|]|(?<!\w)_|_(?!\w)|(?<=\])\(")


def plain(text: str) -> str:
    r"""Text that Markdown shows as it is, on one line, in a table too.

    >>> print(plain("a|b `c` <b>d [e](f) g_h _i_"))
    a\|b \`c\` \<b>d [e]\(f) g_h \_i\_
    """
    return _MARKS.sub(r"\\\g<0>", " ".join(text.split()))


def literal(text: str) -> str:
    r"""A text as it is written in Python.

    >>> print(literal('a "b"'))
    "a \"b\""
    """
    return json.dumps(text, ensure_ascii=False)
