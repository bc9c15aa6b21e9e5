"""What can be wrong with a measured robustness, looked for with every evaluation.

A check looks at shared evidence, a network on some 64 to 128 images and what is known of the evaluation, and says
whether it passed, with what was seen. One check per file, those that compare
a weaker attack with many steps in `weaker.py`; `examine` asks them all.
"""

from robustdial.evaluate.check.base import Check, Outcome, raised_if
from robustdial.evaluate.check.evidence import Evidence, Inapplicable
from robustdial.evaluate.check.examine import CHECKS, Finding, examine
from robustdial.evaluate.check.facts import Facts, Stage

__all__ = [
    "CHECKS",
    "Check",
    "Evidence",
    "Facts",
    "Finding",
    "Inapplicable",
    "Outcome",
    "Stage",
    "examine",
    "raised_if",
]
