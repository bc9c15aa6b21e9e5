"""Doctests of docstrings as code blocks of the site: without a fence, Markdown takes `>>>` for a quotation."""

from __future__ import annotations

import re
from typing import Any

import griffe

BLOCK = re.compile(r"(?m)^>>> .*(?:\n(?!\s*$).*)*(?:\n\n>>> .*(?:\n(?!\s*$).*)*)*")


class FencedDoctests(griffe.Extension):
    """Every run of lines that begins with `>>>` is fenced."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        """Called for each object once its docstring is known."""
        if obj.docstring:
            obj.docstring.value = BLOCK.sub(lambda m: f"```python\n{m.group()}\n```", obj.docstring.value)
