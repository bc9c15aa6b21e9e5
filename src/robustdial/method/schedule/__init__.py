"""What the adversary may spend."""

from robustdial.method.schedule.base import Schedule
from robustdial.method.schedule.constant import Constant
from robustdial.method.schedule.delayed import Delayed
from robustdial.method.schedule.linear import Linear
from robustdial.method.schedule.magnitude import Magnitude
from robustdial.method.schedule.rebound import Rebound
from robustdial.method.schedule.threshold import Threshold
from robustdial.method.schedule.warm import Warm

__all__ = ["Constant", "Delayed", "Linear", "Magnitude", "Rebound", "Schedule", "Threshold", "Warm"]
