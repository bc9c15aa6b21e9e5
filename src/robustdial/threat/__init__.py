"""Where the adversary may move."""

from robustdial.threat.attribute import Attribute
from robustdial.threat.base import Ball, Settling, Threat, settled
from robustdial.threat.box import Box, Decoder, Named
from robustdial.threat.chain import Chain
from robustdial.threat.function import Function
from robustdial.threat.l2 import L2
from robustdial.threat.latent import Generator, Latent
from robustdial.threat.library import Blur, Hue
from robustdial.threat.light import Brightness, Contrast
from robustdial.threat.linf import Linf
from robustdial.threat.masked import Mask, Masked
from robustdial.threat.noise import Noise
from robustdial.threat.spatial import spatial
from robustdial.threat.warp import Warp
from robustdial.typing import Reach

__all__ = [
    "L2",
    "Attribute",
    "Ball",
    "Blur",
    "Box",
    "Brightness",
    "Chain",
    "Contrast",
    "Decoder",
    "Function",
    "Generator",
    "Hue",
    "Latent",
    "Linf",
    "Mask",
    "Masked",
    "Named",
    "Noise",
    "Reach",
    "Settling",
    "Threat",
    "Warp",
    "settled",
    "spatial",
]
