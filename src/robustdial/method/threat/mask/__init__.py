"""What of an image is its background: masks `[B, 1, H, W]` of 0 and 1. A function of images to masks is one too."""

from robustdial.method.threat.mask.border import Border
from robustdial.method.threat.mask.dark import Dark
from robustdial.method.threat.mask.rest import Rest
from robustdial.method.threat.mask.unsalient import Unsalient

__all__ = ["Border", "Dark", "Rest", "Unsalient"]
