"""Evaluations people can trust: a network of any origin under a cascade of attacks, with all that qualifies its number.

subject.py      what is evaluated: network, images, threat
foreign.py      a network that was not trained here
evaluation.py   stage after stage; killed and continued, shared among processes
score.py        what is written of it
gap.py          what a shortened attack has missed
examination.py  what may be wrong with its number
beyond.py       accuracy at every radius, in bad weather, under other threats
extremes.py     the images that fell most easily and stand most firmly
"""

from robustdial.assessment.beyond import EXTRAS
from robustdial.assessment.evaluation import Evaluation
from robustdial.assessment.examination import findings
from robustdial.assessment.extremes import take_extremes
from robustdial.assessment.foreign import foreign, load_foreign
from robustdial.assessment.gap import gap_of, sampled
from robustdial.assessment.score import known_score, score_of, write_score
from robustdial.assessment.subject import Subject, of_run

__all__ = [
    "EXTRAS",
    "Evaluation",
    "Subject",
    "findings",
    "foreign",
    "gap_of",
    "known_score",
    "load_foreign",
    "of_run",
    "sampled",
    "score_of",
    "take_extremes",
    "write_score",
]
