"""Where the adversary may move."""

from robustdial.method.threat.attribute import Attribute
from robustdial.method.threat.base import Ball, Settling, Threat, settled
from robustdial.method.threat.box import Box, Decoder, Named
from robustdial.method.threat.chain import Chain
from robustdial.method.threat.function import Function
from robustdial.method.threat.l0 import L0, foremost
from robustdial.method.threat.l1 import L1, sparse_ascent
from robustdial.method.threat.l2 import L2
from robustdial.method.threat.latent import Generator, Latent
from robustdial.method.threat.library import Blur, Hue
from robustdial.method.threat.light import Brightness, Contrast
from robustdial.method.threat.linf import Linf
from robustdial.method.threat.masked import Mask, Masked
from robustdial.method.threat.noise import Noise
from robustdial.method.threat.spatial import spatial
from robustdial.method.threat.union import Union, ball_in_words, balls_of
from robustdial.method.threat.warp import Warp
from robustdial.typing import Reach

__all__ = [
    "L0",
    "L1",
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
    "Union",
    "Warp",
    "ball_in_words",
    "balls_of",
    "foremost",
    "settled",
    "sparse_ascent",
    "spatial",
]
