"""What each side wants."""

from robustdial.objective.alp import ALP
from robustdial.objective.at import AT
from robustdial.objective.base import Objective, Paired, View
from robustdial.objective.blend import Blend
from robustdial.objective.distilled import Distilled
from robustdial.objective.gradalign import GradAlign
from robustdial.objective.guided import Guided
from robustdial.objective.mart import MART
from robustdial.objective.self_training import SelfTraining
from robustdial.objective.smoothed import Smoothed
from robustdial.objective.targeted import Targeted
from robustdial.objective.trades import TRADES

__all__ = [
    "ALP",
    "AT",
    "MART",
    "TRADES",
    "Blend",
    "Distilled",
    "GradAlign",
    "Guided",
    "Objective",
    "Paired",
    "SelfTraining",
    "Smoothed",
    "Targeted",
    "View",
]
