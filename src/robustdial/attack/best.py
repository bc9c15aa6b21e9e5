"""Of several tries on the same images, the one that counts for each."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Best:
    """Of each image where it fell, or else where the loss was highest; filled in place.

    Attributes:
        z: the perturbations, or the perturbed images.
        score: loss there `[B]`; infinite where the image fell, minus infinite before the first try.
    """

    z: Tensor
    score: Tensor

    @staticmethod
    def before(z: Tensor) -> Best:
        """Nothing has been tried; `z` is what counts until then."""
        return Best(z.clone(), torch.full((len(z),), -torch.inf, device=z.device))

    @property
    def standing(self) -> Tensor:
        """Numbers of the images that have not fallen."""
        return (self.score < torch.inf).nonzero().squeeze(1)

    def see(self, image: Tensor, z: Tensor, score: Tensor) -> None:
        """Tries at the images of these numbers, perhaps several at one image."""
        score = score.to(self.score)
        higher = score.where(score > self.score[image], -torch.inf)
        self.score.scatter_reduce_(0, image, higher, "amax")
        highest = (higher > -torch.inf) & (higher == self.score[image])
        # of equals one must be chosen: rows that are written twice in one assignment may come out mixed
        row = torch.arange(len(image), device=image.device).where(highest, -1)
        winner = torch.full_like(self.score, -1, dtype=torch.int64).scatter_reduce_(0, image, row, "amax")
        new = (winner >= 0).nonzero().squeeze(1)  # once for both: a mask would be waited for each time
        self.z[new] = z[winner[new]]
