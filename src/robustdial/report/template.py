"""The templates of the pages, and how they write numbers."""

from __future__ import annotations

import re

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from robustdial.report.words import amount, extent, interval, moment, percent, points


def breakable(text: object) -> Markup:
    """Text that a narrow column breaks after its punctuation, and not within a word.

    >>> breakable("timm:resnet18/<b>")
    Markup('timm:<wbr>resnet18/<wbr>&lt;b&gt;')
    """
    return Markup("<wbr>").join(escape(part) for part in re.split(r"(?<=[:/_.=,-])(?=[^\s\d])", str(text)))


PAGES = Environment(
    loader=PackageLoader("robustdial.report", ""),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
PAGES.filters |= {
    "amount": amount,
    "breakable": breakable,
    "extent": extent,
    "interval": interval,
    "moment": moment,
    "percent": percent,
    "points": points,
}
