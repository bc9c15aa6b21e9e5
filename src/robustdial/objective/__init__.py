"""What each side wants."""

from robustdial.objective.at import AT
from robustdial.objective.base import Objective, View
from robustdial.objective.blend import Blend

__all__ = ["AT", "Blend", "Objective", "View"]
