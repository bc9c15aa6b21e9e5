"""Where the adversary may move."""

from robustdial.threat.base import Ball, Threat
from robustdial.threat.l2 import L2
from robustdial.threat.linf import Linf
from robustdial.threat.spatial import Spatial
from robustdial.typing import Reach

__all__ = ["L2", "Ball", "Linf", "Reach", "Spatial", "Threat"]
