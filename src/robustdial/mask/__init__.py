"""What of an image is its background: masks `[B, 1, H, W]` of 0 and 1. A function of images to masks is one too."""

from robustdial.mask.border import Border
from robustdial.mask.dark import Dark
from robustdial.mask.rest import Rest
from robustdial.mask.unsalient import Unsalient

__all__ = ["Border", "Dark", "Rest", "Unsalient"]
