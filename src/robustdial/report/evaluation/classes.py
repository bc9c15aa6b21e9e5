"""Accuracies class by class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from robustdial.report.folder import Entry
from robustdial.report.words import interval, percent

MOST = 20


@dataclass(frozen=True)
class Classes:
    """The least robust classes, worst first, and how many there are in all."""

    rows: list[Entry]
    count: int

    @property
    def worst(self) -> str:
        """The worst class in a sentence."""
        row = self.rows[0]
        many = f" The {len(self.rows)} worst of {self.count} classes are shown." if self.count > len(self.rows) else ""
        return (
            f"The worst class is {row['name']}: {percent(row['robust'])} ({interval(row['robust_interval'])}) robust, "
            f"{percent(row['clean'])} clean, of {row['n']:,} images. The least of many classes is low partly by chance."
            f"{many}"
        )


def classes_of(rows: Sequence[Entry]) -> Classes:
    """Order the classes; of equally robust ones, the less accurate is worse."""
    return Classes(sorted(rows, key=lambda row: (row["robust"], row["clean"]))[:MOST], len(rows))
