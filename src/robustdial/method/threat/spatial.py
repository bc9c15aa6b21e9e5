"""The image may be turned and moved."""

from __future__ import annotations

from robustdial.method.threat.box import Box
from robustdial.method.threat.warp import Warp


def spatial(degrees: float = 30.0, shift: float = 3 / 32) -> Box:
    """Rotations about the centre and translations: a box of three attributes, angle and shifts to the right and down.

    The loss is far from concave in so few numbers: a search over a grid (`attack.Grid`) finds more than an ascent.
    Source: Engstrom et al., Exploring the Landscape of Spatial Robustness, ICML 2019; the defaults are theirs for
    CIFAR-10, 30 degrees and 3 of 32 pixels.

    Args:
        degrees: largest angle.
        shift: largest translation in each direction, as a share of the side.
    """
    return Box(Warp(degrees, shift))
