"""A rubber sheet."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from robustdial.data.corruption.base import uniform
from robustdial.data.corruption.smooth import gaussian


@dataclass(frozen=True)
class Elastic:
    """Three points are pulled to other places, and then every pixel by a little.

    All lengths are shares of the side of the image, so that images of every size are deformed alike. Both deformations
    are sampled at once, linear between pixels; the authors' code samples after each, and blurs twice.

    Args:
        pull: how far a pixel is moved, before its neighbours are heard.
        smooth: standard deviation of the bell over neighbours; 0 moves no pixel by itself.
        affine: how far each of the three points may go, in each direction.
    """

    pull: float
    smooth: float
    affine: float

    def __call__(self, x: Tensor, generator: Generator | None = None) -> Tensor:
        height, width = x.shape[2:]
        rows, columns = torch.arange(height).to(x), torch.arange(width).to(x)
        place = torch.stack(torch.meshgrid(columns, rows, indexing="xy"), dim=-1) + self._pulls(x, generator)
        place = _homogeneous(place) @ self._turn(x, generator)[:, None].mT
        size = torch.tensor([width - 1, height - 1]).to(x).clamp_min(1)
        grid = 2 * place / size - 1
        return F.grid_sample(x, grid, padding_mode="reflection", align_corners=True).clamp(0, 1)

    def _pulls(self, x: Tensor, generator: Generator | None) -> Tensor:
        """How far each pixel looks aside, in pixels: `[B, H, W, 2]`."""
        side = min(x.shape[2:])
        way = uniform(x, (len(x), 2, *x.shape[2:]), -1.0, 1.0, generator)
        smoothed = gaussian(way, self.smooth * side, reach=3) if self.smooth else torch.zeros_like(way)
        return self.pull * side * smoothed.movedim(1, -1)

    def _turn(self, x: Tensor, generator: Generator | None) -> Tensor:
        """For each image the affine map from where a pixel is to where it was: `[B, 2, 3]`."""
        height, width = x.shape[2:]
        centre, third = torch.tensor([width // 2, height // 2]).to(x), min(height, width) // 3
        points = centre + third * torch.tensor([[1, 1], [1, -1], [-1, -1]]).to(x)
        reach = self.affine * min(height, width)
        moved = points + uniform(x, (len(x), 3, 2), -reach, reach, generator)
        back: Tensor = torch.linalg.solve(_homogeneous(moved), points.expand_as(moved))
        return back.mT


def _homogeneous(points: Tensor) -> Tensor:
    return F.pad(points, (0, 1), value=1.0)
