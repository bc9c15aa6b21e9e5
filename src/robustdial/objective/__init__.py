"""What each side wants."""

from robustdial.objective.alp import ALP
from robustdial.objective.at import AT
from robustdial.objective.base import Objective, View
from robustdial.objective.blend import Blend
from robustdial.objective.gradalign import GradAlign
from robustdial.objective.guided import Guided
from robustdial.objective.mart import MART
from robustdial.objective.smoothed import Smoothed
from robustdial.objective.trades import TRADES

__all__ = ["ALP", "AT", "MART", "TRADES", "Blend", "GradAlign", "Guided", "Objective", "Smoothed", "View"]
