"""The published corruptions by kind and level."""

from __future__ import annotations

from collections.abc import Mapping

from robustdial.data.corruption.base import Clean, Corruption
from robustdial.data.corruption.blur import DefocusBlur, GaussianBlur
from robustdial.data.corruption.colour import Brightness, Contrast, Saturate
from robustdial.data.corruption.elastic import Elastic
from robustdial.data.corruption.fog import Fog
from robustdial.data.corruption.glass import GlassBlur
from robustdial.data.corruption.jpeg import JPEG
from robustdial.data.corruption.motion import MotionBlur
from robustdial.data.corruption.noise import GaussianNoise, ImpulseNoise, ShotNoise, SpeckleNoise
from robustdial.data.corruption.pixelate import Pixelate
from robustdial.data.corruption.snow import Snow
from robustdial.data.corruption.zoom import ZoomBlur

Levels = tuple[Corruption, ...]
"""A corruption in five strengths: number 0 is none, 5 the strongest."""

LEVELS = 1, 2, 3, 4, 5
EXTRA = "speckle_noise", "gaussian_blur", "saturate"
"""Kinds that were published for validation and stand in no mean."""
_LARGEST = 64


def _levels(*five: Corruption) -> Levels:
    return Clean(), *five


CIFAR10_C: Mapping[str, Levels] = {
    "gaussian_noise": _levels(*map(GaussianNoise, (0.04, 0.06, 0.08, 0.09, 0.10))),
    "shot_noise": _levels(*map(ShotNoise, (500, 250, 100, 75, 50))),
    "impulse_noise": _levels(*map(ImpulseNoise, (0.01, 0.02, 0.03, 0.05, 0.07))),
    "defocus_blur": _levels(*map(DefocusBlur, (0.3, 0.4, 0.5, 1, 1.5), (0.4, 0.5, 0.6, 0.2, 0.1))),
    "glass_blur": _levels(*map(GlassBlur, (0.05, 0.25, 0.4, 0.25, 0.4), (1,) * 5, (1, 1, 1, 2, 2))),
    "motion_blur": _levels(*map(MotionBlur, (6, 6, 6, 8, 9), (1, 1.5, 2, 2, 2.5))),
    "zoom_blur": _levels(*map(ZoomBlur, (7, 12, 16, 21, 26), (0.01,) * 5)),
    "snow": _levels(
        Snow(0.1, 0.2, 1, 0.6, 8, 3, 0.95),
        Snow(0.1, 0.2, 1, 0.5, 10, 4, 0.9),
        Snow(0.15, 0.3, 1.75, 0.55, 10, 4, 0.9),
        Snow(0.25, 0.3, 2.25, 0.6, 12, 6, 0.85),
        Snow(0.3, 0.3, 1.25, 0.65, 14, 12, 0.8),
    ),
    "fog": _levels(*map(Fog, (0.2, 0.5, 0.75, 1, 1.5), (3, 3, 2.5, 2, 1.75))),
    "brightness": _levels(*map(Brightness, (0.05, 0.1, 0.15, 0.2, 0.3))),
    "contrast": _levels(*map(Contrast, (0.75, 0.5, 0.4, 0.3, 0.15))),
    "elastic_transform": _levels(
        *map(Elastic, (0, 0.05, 0.08, 0.1, 0.1), (0, 0.2, 0.06, 0.04, 0.03), (0.08, 0.07, 0.06, 0.05, 0.03))
    ),
    "pixelate": _levels(*map(Pixelate, (0.95, 0.9, 0.85, 0.75, 0.65))),
    "jpeg_compression": _levels(*map(JPEG, (80, 65, 58, 50, 40))),
    "speckle_noise": _levels(*map(SpeckleNoise, (0.06, 0.1, 0.12, 0.16, 0.2))),
    "gaussian_blur": _levels(*map(GaussianBlur, (0.4, 0.6, 0.7, 0.8, 1))),
    "saturate": _levels(*map(Saturate, (0.3, 0.1, 1.5, 2, 2.5), (0, 0, 0, 0.1, 0.2))),
}
"""For images of 32 pixels a side. Source: Hendrycks & Dietterich, Benchmarking Neural Network Robustness to Common
Corruptions and Perturbations, ICLR 2019, and the code that made CIFAR-10-C.

Departures, besides those that a kind names: images are made when they are asked for, with random numbers of their own;
values are not rounded to 8 bits; filters mirror an image at its border; it is magnified by the number given, not by the
next one of whole pixels; frost and spatter are left out (the one needs photographs, the other edge detection).
"""

_SIDE = 244 / 224  # the code that made ImageNet-C takes 244 pixels for the side in its elastic deformation

IMAGENET_C: Mapping[str, Levels] = {
    "gaussian_noise": _levels(*map(GaussianNoise, (0.08, 0.12, 0.18, 0.26, 0.38))),
    "shot_noise": _levels(*map(ShotNoise, (60, 25, 12, 5, 3))),
    "impulse_noise": _levels(*map(ImpulseNoise, (0.03, 0.06, 0.09, 0.17, 0.27))),
    "defocus_blur": _levels(*map(DefocusBlur, (3, 4, 6, 8, 10), (0.1, 0.5, 0.5, 0.5, 0.5))),
    "glass_blur": _levels(*map(GlassBlur, (0.7, 0.9, 1, 1.1, 1.5), (1, 2, 2, 3, 4), (2, 1, 3, 2, 2))),
    "motion_blur": _levels(*map(MotionBlur, (10, 15, 15, 15, 20), (3, 5, 8, 12, 15))),
    "zoom_blur": _levels(*map(ZoomBlur, (12, 16, 11, 13, 11), (0.01, 0.01, 0.02, 0.02, 0.03))),
    "snow": _levels(
        Snow(0.1, 0.3, 3, 0.5, 10, 4, 0.8),
        Snow(0.2, 0.3, 2, 0.5, 12, 4, 0.7),
        Snow(0.55, 0.3, 4, 0.9, 12, 8, 0.7),
        Snow(0.55, 0.3, 4.5, 0.85, 12, 8, 0.65),
        Snow(0.55, 0.3, 2.5, 0.85, 12, 12, 0.55),
    ),
    "fog": _levels(*map(Fog, (1.5, 2, 2.5, 2.5, 3), (2, 2, 1.7, 1.5, 1.4))),
    "brightness": _levels(*map(Brightness, (0.1, 0.2, 0.3, 0.4, 0.5))),
    "contrast": _levels(*map(Contrast, (0.4, 0.3, 0.2, 0.1, 0.05))),
    "elastic_transform": _levels(
        Elastic(2 * _SIDE, 0.7 * _SIDE, 0.1 * _SIDE),
        Elastic(2 * _SIDE, 0.08 * _SIDE, 0.2 * _SIDE),
        Elastic(0.05 * _SIDE, 0.01 * _SIDE, 0.02 * _SIDE),
        Elastic(0.07 * _SIDE, 0.01 * _SIDE, 0.02 * _SIDE),
        Elastic(0.12 * _SIDE, 0.01 * _SIDE, 0.02 * _SIDE),
    ),
    "pixelate": _levels(*map(Pixelate, (0.6, 0.5, 0.4, 0.3, 0.25))),
    "jpeg_compression": _levels(*map(JPEG, (25, 18, 15, 10, 7))),
    "speckle_noise": _levels(*map(SpeckleNoise, (0.15, 0.2, 0.35, 0.45, 0.6))),
    "gaussian_blur": _levels(*map(GaussianBlur, (1, 2, 3, 4, 6))),
    "saturate": _levels(*map(Saturate, (0.3, 0.1, 2, 5, 20), (0, 0, 0, 0.1, 0.2))),
}
"""For images of 224 pixels a side. Source: as `CIFAR10_C`, the code that made ImageNet-C, with the same departures."""


def corruptions(shape: tuple[int, int, int]) -> dict[str, Levels]:
    """The published kinds for images of a shape (C, H, W), in five levels each.

    Those of CIFAR-10-C up to 64 pixels a side, those of ImageNet-C above. Lengths are in pixels, as published: a blur
    is stronger on an image of 8 pixels than on one of 32. Grey images cannot be saturated: they have one kind less.

    >>> kinds = corruptions((1, 28, 28))
    >>> len(kinds), kinds["gaussian_noise"][3]
    (16, GaussianNoise(sd=0.08))
    """
    channels, height, width = shape
    table = CIFAR10_C if max(height, width) <= _LARGEST else IMAGENET_C
    return {kind: levels for kind, levels in table.items() if channels == 3 or kind != "saturate"}
