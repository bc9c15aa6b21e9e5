"""The templates of the pages, and how they write numbers."""

from __future__ import annotations

from jinja2 import Environment, PackageLoader, StrictUndefined

from robustdial.report.words import amount, extent, interval, moment, percent, points

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
    "extent": extent,
    "interval": interval,
    "moment": moment,
    "percent": percent,
    "points": points,
}
