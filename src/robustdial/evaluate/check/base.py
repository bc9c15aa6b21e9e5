"""What a check is, and what it says."""

from __future__ import annotations

from typing import Literal, NamedTuple, Protocol

from robustdial.evaluate.check.evidence import Evidence


class Outcome(NamedTuple):
    """What came of a check."""

    state: Literal["passed", "raised", "skipped"]
    seen: str
    """What was seen, in words with numbers; of a skipped check, why it was."""


class Check(Protocol):
    """One thing that can be wrong with an evaluation. Its thresholds are its fields."""

    @property
    def id(self) -> str:
        """Its name in files."""
        ...

    @property
    def title(self) -> str:
        """Its name in reports."""
        ...

    @property
    def meaning(self) -> str:
        """What it means if the check is raised, for the reader of a report."""
        ...

    @property
    def remedy(self) -> str:
        """What to do then."""
        ...

    def __call__(self, evidence: Evidence) -> Outcome:
        """Passed or raised.

        Raises:
            Inapplicable: the evidence lacks what the check looks at; `examine` makes a skipped check of it.
        """
        ...


def raised_if(trouble: bool, seen: str) -> Outcome:
    """Raised where there is trouble, else passed."""
    return Outcome("raised" if trouble else "passed", seen)
