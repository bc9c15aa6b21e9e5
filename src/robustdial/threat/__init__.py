"""Where the adversary may move."""

from robustdial.threat.base import Reach, Threat
from robustdial.threat.l2 import L2
from robustdial.threat.linf import Linf

__all__ = ["L2", "Linf", "Reach", "Threat"]
