"""Lossy compression."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Generator, Tensor


@dataclass(frozen=True)
class JPEG:
    """Compressed by Pillow and opened again, image by image on the CPU.

    Args:
        quality: 1 to 95.
    """

    quality: int

    def __call__(self, x: Tensor, generator: Generator | None = None) -> Tensor:
        levels = (x * 255).round().to("cpu", torch.uint8).permute(0, 2, 3, 1).numpy()
        opened = np.stack([self._compressed(image) for image in levels]).reshape(levels.shape)
        return torch.from_numpy(opened).permute(0, 3, 1, 2).to(x) / 255

    def _compressed(self, image: np.ndarray) -> np.ndarray:
        file = io.BytesIO()
        Image.fromarray(image.squeeze(2) if image.shape[2] == 1 else image).save(file, "JPEG", quality=self.quality)
        return np.array(Image.open(file))
