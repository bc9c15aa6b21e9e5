"""A comparison as a table."""

from __future__ import annotations

from pathlib import Path

from robustdial.report.compare.facts import extent
from robustdial.report.compare.folder import Comparison, Measured, read
from robustdial.report.compare.verdicts import shared_start
from robustdial.report.tables.base import Span, Table


def table(folder: Path) -> Table:
    """One row for each method, or position of its dial, the most robust under the first attack first."""
    comparison = read(folder)
    attacks, further = comparison.about["attacks"], comparison.further
    rows = [
        (
            row.label,
            _span(row.clean),
            *(_span(row.robust[attack]) for attack in attacks),
            *(_span(row.also.get(name, Measured())) for name in further),
            row.passes.mean,
            row.seconds.mean,
        )
        for row in comparison.rows
    ]
    return Table(_told(comparison), ("method", "clean", *attacks, *further, "passes", "seconds"), rows)


def _span(found: Measured) -> Span | None:
    return None if found.mean is None else Span(found.mean, found.low, found.high)


def _told(comparison: Comparison) -> str:
    about = comparison.about
    intervals = f"Intervals: {about['interval']}." if about.get("interval") else ""
    return " ".join(filter(None, [extent(comparison), intervals, shared_start(about)]))
