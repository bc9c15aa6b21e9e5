"""Images as weather, optics and compression leave them: no adversary, and no network."""

from robustdial.corruption.base import Corruption, Untouched
from robustdial.corruption.blur import DefocusBlur, GaussianBlur
from robustdial.corruption.colour import Brightness, Contrast, Saturate
from robustdial.corruption.elastic import Elastic
from robustdial.corruption.fog import Fog
from robustdial.corruption.glass import GlassBlur
from robustdial.corruption.jpeg import JPEG
from robustdial.corruption.motion import MotionBlur
from robustdial.corruption.noise import GaussianNoise, ImpulseNoise, ShotNoise, SpeckleNoise
from robustdial.corruption.pixelate import Pixelate
from robustdial.corruption.snow import Snow
from robustdial.corruption.tables import CIFAR10_C, EXTRA, IMAGENET_C, LEVELS, Levels, corruptions
from robustdial.corruption.zoom import ZoomBlur

__all__ = [
    "CIFAR10_C",
    "EXTRA",
    "IMAGENET_C",
    "JPEG",
    "LEVELS",
    "Brightness",
    "Contrast",
    "Corruption",
    "DefocusBlur",
    "Elastic",
    "Fog",
    "GaussianBlur",
    "GaussianNoise",
    "GlassBlur",
    "ImpulseNoise",
    "Levels",
    "MotionBlur",
    "Pixelate",
    "Saturate",
    "ShotNoise",
    "Snow",
    "SpeckleNoise",
    "Untouched",
    "ZoomBlur",
    "corruptions",
]
