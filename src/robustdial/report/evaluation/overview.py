"""All evaluations, a row each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from robustdial.report.evaluation.facts import moment_of, threat
from robustdial.report.folder import Entry
from robustdial.report.words import NONE, spoken

Columns = list[tuple[str, list[str]]]
"""Titles, each with a value per evaluation."""


@dataclass(frozen=True)
class Overview:
    """What tells the evaluations apart: what they are called by, and the conditions that differ."""

    names: Columns
    conditions: Columns


def overview(entries: Sequence[Entry]) -> Overview:
    """The columns of the table of evaluations."""
    names = {
        "λ": [_place(entry.get("lam")) for entry in entries],
        "width": [_place(entry.get("width")) for entry in entries],
        "network": [entry["model"] for entry in entries],
    }
    conditions = {
        "threat": [threat(entry) for entry in entries],
        "n": [f"{entry['n']:,}" for entry in entries],
        "images": [f"{entry['dataset']}, {entry['part']}" for entry in entries],
        "weights": [spoken(entry.get("weights")) for entry in entries],
        "seed": [spoken(entry.get("seed")) for entry in entries],
        "date": [moment_of(entry) for entry in entries],
    }
    return Overview([*_differing(names), ("attack", [entry["attack"] for entry in entries])], _differing(conditions))


def _place(value: float | None) -> str:
    """
    >>> _place(2 / 3), _place(None)
    ('0.666667', '–')
    """
    return NONE if value is None else f"{value:g}"


def _differing(columns: dict[str, list[str]]) -> Columns:
    return [(name, values) for name, values in columns.items() if len(set(values)) > 1]
