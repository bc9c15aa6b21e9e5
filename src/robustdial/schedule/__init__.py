"""What the adversary may spend."""

from robustdial.schedule.base import Schedule
from robustdial.schedule.constant import Constant
from robustdial.schedule.delayed import Delayed
from robustdial.schedule.linear import Linear
from robustdial.schedule.magnitude import Magnitude
from robustdial.schedule.rebound import Rebound
from robustdial.schedule.threshold import Threshold
from robustdial.schedule.warm import Warm

__all__ = ["Constant", "Delayed", "Linear", "Magnitude", "Rebound", "Schedule", "Threshold", "Warm"]
