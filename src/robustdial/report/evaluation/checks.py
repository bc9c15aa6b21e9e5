"""What was looked for in an evaluation, and what was found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from robustdial.report.folder import Entry


@dataclass(frozen=True)
class Checks:
    """Findings by what came of them."""

    raised: list[Entry]
    passed: list[Entry]
    skipped: list[Entry]

    def __str__(self) -> str:
        """
        >>> str(Checks([{}], [{}, {}], [{}]))
        '1 of 3'
        """
        return f"{len(self.raised)} of {len(self.raised) + len(self.passed)}"


def checks_of(findings: Sequence[Entry]) -> Checks:
    """Sort findings by their state."""
    return Checks(*([f for f in findings if f["state"] == state] for state in ("raised", "passed", "skipped")))
