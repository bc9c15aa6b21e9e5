"""Accuracy on corrupted images: a row for each kind, a column for each level."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from robustdial.report.folder import Entry
from robustdial.report.words import percent


@dataclass(frozen=True)
class Row:
    """One kind: its accuracy at each level, None where it was not measured, and its mean if it was at all of them."""

    kind: str
    cells: list[float | None]
    mean: float | None


@dataclass(frozen=True)
class Corruptions:
    """Kinds in the order of measuring, levels from the mildest."""

    levels: list[int]
    rows: list[Row]
    n: int
    half: float

    @property
    def told(self) -> str:
        """How it was measured, and the worst kind, in sentences."""
        known = [row for row in self.rows if row.mean is not None]
        worst = min(known, key=lambda row: row.mean or 0.0, default=None)
        least = f" The worst kind is {worst.kind}: {percent(worst.mean)} on average." if worst else ""
        spread = f"95\N{NO-BREAK SPACE}% intervals reach at most {100 * self.half:.1f} points to either side"
        return f"No adversary, but noise, blur, weather and compression, on {self.n:,} images; {spread}.{least}"


def corruptions_of(found: Sequence[Entry]) -> Corruptions:
    """Put the accuracies into their table."""
    levels = sorted({one["level"] for one in found})
    at = {(one["kind"], one["level"]): one["accuracy"] for one in found}
    kinds = dict.fromkeys(one["kind"] for one in found)
    half = max(abs(bound - one["accuracy"]) for one in found for bound in one["interval"])
    rows = [_row(kind, [at.get((kind, level)) for level in levels]) for kind in kinds]
    return Corruptions(levels, rows, min(one["n"] for one in found), half)


def _row(kind: str, cells: list[float | None]) -> Row:
    known = [cell for cell in cells if cell is not None]
    return Row(kind, cells, fmean(known) if len(known) == len(cells) else None)
