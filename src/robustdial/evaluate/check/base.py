"""What a check is, and what it says."""

from __future__ import annotations

from typing import ClassVar, Literal, NamedTuple, Protocol

from torch import Tensor

from robustdial.evaluate.check.evidence import Evidence


class Outcome(NamedTuple):
    """What came of a check."""

    state: Literal["passed", "raised", "skipped"]
    seen: str
    """What was seen, in words with numbers; of a skipped check, why it was."""


class Check(Protocol):
    """One thing that can be wrong with an evaluation. Its thresholds are its fields."""

    id: ClassVar[str]
    title: ClassVar[str]
    meaning: ClassVar[str]
    """What it means if the check is raised, for the reader of a report."""
    remedy: ClassVar[str]
    """What to do then."""

    def __call__(self, evidence: Evidence) -> Outcome:
        """Passed or raised.

        Raises:
            Inapplicable: the evidence lacks what the check looks at; `examine` makes a skipped check of it.
        """
        ...


def raised_if(trouble: bool, seen: str) -> Outcome:
    """Raised where there is trouble, else passed."""
    return Outcome("raised" if trouble else "passed", seen)


def raised_if_weaker_wins(evidence: Evidence, weaker: Tensor, name: str, share: float) -> Outcome:
    """Raised where a weaker attack breaks at least a `share` of the images, and 3, that the many-step attack left.

    Args:
        weaker: which of `correct` stand after it, bool `[V]`.
        name: of the weaker attack.
    """
    many = evidence.multi_step
    missed = int((many & ~weaker).sum())
    seen = f"Many steps leave {int(many.sum())} of {len(many)} images standing; {name} breaks {missed} of these."
    return raised_if(missed >= max(3, share * len(many)), seen)
