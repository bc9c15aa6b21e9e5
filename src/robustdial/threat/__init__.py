"""Where the adversary may move."""

from robustdial.threat.base import Ball, Settling, Threat, settled
from robustdial.threat.box import Box, Decoder
from robustdial.threat.l2 import L2
from robustdial.threat.linf import Linf
from robustdial.threat.masked import Mask, Masked
from robustdial.threat.spatial import spatial
from robustdial.threat.warp import Warp
from robustdial.typing import Reach

__all__ = [
    "L2",
    "Ball",
    "Box",
    "Decoder",
    "Linf",
    "Mask",
    "Masked",
    "Reach",
    "Settling",
    "Threat",
    "Warp",
    "settled",
    "spatial",
]
