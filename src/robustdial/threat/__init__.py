"""Where the adversary may move."""

from robustdial.threat.base import Threat
from robustdial.threat.l2 import L2
from robustdial.threat.linf import Linf
from robustdial.threat.spatial import Spatial
from robustdial.typing import Reach

__all__ = ["L2", "Linf", "Reach", "Spatial", "Threat"]
