"""Images as weather, optics and compression leave them: no adversary, and no network."""

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
from robustdial.data.corruption.tables import CIFAR10_C, EXTRA, IMAGENET_C, LEVELS, Levels, corruptions
from robustdial.data.corruption.zoom import ZoomBlur

__all__ = [
    "CIFAR10_C",
    "EXTRA",
    "IMAGENET_C",
    "JPEG",
    "LEVELS",
    "Brightness",
    "Clean",
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
    "ZoomBlur",
    "corruptions",
]
