"""Attribute-guided adversarial training (AGAT), and random augmentation to compare it with."""

from __future__ import annotations

from dataclasses import replace

from robustdial.dial import Dials
from robustdial.method import Method
from robustdial.objective import Blend, Guided
from robustdial.schedule import Constant
from robustdial.solver import PGD, Generated, Step
from robustdial.threat import Blur, Box, Brightness, Chain, Contrast, Hue, Named, Noise, Warp


def agat(
    degrees: float = 30.0,
    shift: float = 3 / 28,
    skew: float = 0.3,
    scale: float = 0.0,
    steps: int = 10,
    way: float = 2.0,
    every: int = 1,
    share: float = 0.5,
    weight: float = 0.5,
    c: float = 0.0,
) -> Method:
    method = _guided(box(degrees, shift, skew, scale), steps, way, every, share, weight, c)
    return method


def _guided(threat: Box, steps: int, way: float, every: int, share: float, weight: float, c: float) -> Method:
    return Method(threat, Generated(Step(spread=way), every, share), Constant(steps + 1), Guided(Blend(weight), c))


def box(
    degrees: float = 0.0,
    shift: float = 0.0,
    skew: float = 0.0,
    scale: float = 0.0,
    blur: float = 0.0,
    noise: float = 0.0,
    brightness: float = 0.0,
    contrast: float = 0.0,
    hue: float = 0.0,
) -> Box:
    """The box of the attributes whose largest value is not 0, in the order of a camera: scene, lens, light, sensor.

    Raises ValueError if there is none, or a value makes no sense.
    """
    chosen: list[Named] = [Warp(degrees, shift, skew, scale)] if any((degrees, shift, skew, scale)) else []
    others = {Blur: blur, Brightness: brightness, Contrast: contrast, Hue: hue, Noise: noise}
    chosen += [decoder(amount) for decoder, amount in others.items() if amount]
    return Box(chosen[0] if len(chosen) == 1 else Chain(tuple(chosen)))
