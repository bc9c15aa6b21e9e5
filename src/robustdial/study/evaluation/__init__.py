"""Evaluations people can trust: a network of any origin under a cascade of attacks, with all that qualifies its number.

target.py       what is evaluated: network, images, threat
foreign.py      a network that was not trained here
trial.py        one pass of it before the work begins
evaluation.py   stage after stage; killed and continued, shared among processes
several.py      under a union of balls: under each, and under all
score.py        what is written of it
budget_gap.py   what a shortened attack has missed
examination.py  what may be wrong with its number
extra_measurements.py  accuracy at every radius, in bad weather, under other threats
extremes.py     the images that fell most easily and stand most firmly
"""

from robustdial.models.foreign import drawn_anew, load_foreign
from robustdial.study.evaluation.budget_gap import gap_of, sampled
from robustdial.study.evaluation.evaluation import Evaluation
from robustdial.study.evaluation.examination import findings
from robustdial.study.evaluation.extra_measurements import EXTRAS, Extra
from robustdial.study.evaluation.extremes import take_extremes
from robustdial.study.evaluation.foreign import foreign
from robustdial.study.evaluation.score import (
    forget_another,
    known_score,
    score_of,
    score_of_union,
    write_score,
)
from robustdial.study.evaluation.several import found_by, parts_of
from robustdial.study.evaluation.target import Subject, of_run
from robustdial.study.evaluation.trial import check_gradient, try_out

__all__ = [
    "EXTRAS",
    "Evaluation",
    "Extra",
    "Subject",
    "check_gradient",
    "drawn_anew",
    "findings",
    "foreign",
    "forget_another",
    "found_by",
    "gap_of",
    "known_score",
    "load_foreign",
    "of_run",
    "parts_of",
    "sampled",
    "score_of",
    "score_of_union",
    "take_extremes",
    "try_out",
    "write_score",
]
