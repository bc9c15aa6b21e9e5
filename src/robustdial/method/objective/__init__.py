"""What each side wants."""

from robustdial.method.objective.abnormal import Abnormal
from robustdial.method.objective.alp import ALP
from robustdial.method.objective.at import AT
from robustdial.method.objective.base import Objective, Paired, View, asks_teacher, hard
from robustdial.method.objective.blend import Blend
from robustdial.method.objective.consistent import Consistent
from robustdial.method.objective.distilled import Distilled
from robustdial.method.objective.gradalign import GradAlign
from robustdial.method.objective.guided import Guided
from robustdial.method.objective.helped import Helped
from robustdial.method.objective.local_linearity import LocalLinearity
from robustdial.method.objective.mart import MART
from robustdial.method.objective.matched import Matched
from robustdial.method.objective.nuclear import Nuclear
from robustdial.method.objective.rslad import RSLAD
from robustdial.method.objective.self_training import SelfTraining
from robustdial.method.objective.separable import Separable, first_of, rest_of
from robustdial.method.objective.smoothed import Smoothed
from robustdial.method.objective.steady import Steady
from robustdial.method.objective.targeted import Targeted
from robustdial.method.objective.trades import TRADES

__all__ = [
    "ALP",
    "AT",
    "MART",
    "RSLAD",
    "TRADES",
    "Abnormal",
    "Blend",
    "Consistent",
    "Distilled",
    "GradAlign",
    "Guided",
    "Helped",
    "LocalLinearity",
    "Matched",
    "Nuclear",
    "Objective",
    "Paired",
    "SelfTraining",
    "Separable",
    "Smoothed",
    "Steady",
    "Targeted",
    "View",
    "asks_teacher",
    "first_of",
    "hard",
    "rest_of",
]
