"""Sparse-RS: a random search for the few pixels that tell most, which asks for logits alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from robustdial.attack.door import through_door
from robustdial.attack.losses import margin
from robustdial.attack.problem import eval_mode
from robustdial.attack.spgd import STEPS, counted, sparse
from robustdial.checks import fields_fit
from robustdial.method.threat import L0, Threat
from robustdial.typing import Classifier

_FALLS = ((0, 2), (50, 4), (200, 5), (500, 6), (1000, 8), (2000, 10), (4000, 12), (6000, 15), (8000, 20))
"""After how many of 10,000 queries the share that is exchanged is divided by how much."""


@dataclass(frozen=True)
class SparseRS:
    """Random search in L0: some of the changed pixels give way to others, and the better set of them is kept.

    Every channel of a changed pixel is 0 or 1. An image is queried until it is classified wrongly; what was wrong from
    the beginning is returned as it is, and what is never found with the best change that was.
    A module is attacked in evaluation mode and left as it was.
    Source: Croce, Andriushchenko, Singh, Flammarion & Hein, Sparse-RS: a Versatile Framework for Query-Efficient Sparse
    Black-Box Adversarial Attacks, AAAI 2022, on the margin; constants as in their code.

    Departures from their code: a pixel that gives way may come back in another colour (theirs may not, and a good pixel
    in a poor colour can be where the search ends).

    Args:
        queries: logits asked for per image, besides those of the image itself; the shares follow their number.
        share: of the changed pixels, that is exchanged at first.

    Raises:
        TypeError: the threat is not `L0`.

    >>> f = lambda x: torch.cat([x.sum((1, 2, 3))[:, None], torch.full((len(x), 1), 1.2)], dim=1)
    >>> x = torch.full((1, 1, 2, 2), 0.5)
    >>> torch.manual_seed(0) and SparseRS(50)(f, x, torch.tensor([0]), L0(2)).sum()
    tensor(1.)
    """

    gradient_free: ClassVar[bool] = True

    queries: int = STEPS
    share: float = 0.3

    def __post_init__(self) -> None:
        fields_fit(self)
        if self.queries < 1 or not 0 < self.share <= 1:
            raise ValueError(
                f"queries={self.queries}, share={self.share:g}: a search needs at least one query, and exchanges a "
                "share above 0 and at most 1."
            )

    @property
    def name(self) -> str:
        return "sparse-rs" + counted(self.queries)

    @property
    def where(self) -> str:
        return "L0"

    def moves_in(self, threat: Threat) -> bool:
        return isinstance(threat, L0)

    @through_door
    @torch.no_grad()
    def __call__(self, f: Classifier, x: Tensor, y: Tensor, threat: Threat) -> Tensor:
        places = x[0, 0].numel() if len(x) else 0
        pixels = min(sparse(threat, "Sparse-RS").pixels, places)
        if not pixels:
            return x.clone()
        with eval_mode(f):
            found = self._searched(f, x.flatten(2), y, x.shape[1:], pixels)
        return found.view_as(x)

    def _searched(self, f: Classifier, x: Tensor, y: Tensor, shape: torch.Size, pixels: int) -> Tensor:
        """The best images `[B, C, H * W]`. The first `pixels` places of `order` are changed, the others are not."""

        def ahead_of(images: Tensor, rows: Tensor) -> Tensor:
            return margin(f(images.view(-1, *shape)), y[rows])

        order = torch.rand(len(x), x.shape[2], device=x.device).argsort(1)
        best, adv = ahead_of(x, torch.arange(len(x), device=x.device)), x.clone()
        for query in range(self.queries):
            rows = (best <= 0).nonzero().squeeze(1)
            if not len(rows):
                break
            if query == 0:
                trial, places = _coloured(x[rows], order[rows, :pixels]), order[rows]
            else:
                trial, places = _exchanged(x[rows], adv[rows], order[rows], pixels, self._number(query, pixels))
            ahead = ahead_of(trial, rows)
            better = (ahead > best[rows]) | (query == 0)
            adv[rows] = torch.where(better[:, None, None], trial, adv[rows])
            order[rows] = torch.where(better[:, None], places, order[rows])
            best[rows] = torch.where(better, ahead, best[rows])
        return adv

    def _number(self, query: int, pixels: int) -> int:
        """How many pixels are exchanged at a query; the first is 0."""
        at = int(query / self.queries * STEPS)
        divided = next((by for after, by in reversed(_FALLS) if at > after), 1)
        return max(int(self.share / divided * pixels), 1)


def _exchanged(x: Tensor, adv: Tensor, order: Tensor, pixels: int, number: int) -> tuple[Tensor, Tensor]:
    """`number` changed pixels are as they were, and as many of all others change: images, and the order of places."""
    leave = torch.randperm(pixels, device=x.device)[:number]
    pool = torch.cat([leave, torch.arange(pixels, order.shape[1], device=x.device)])
    places = order.clone()
    places[:, pool] = order[:, pool[torch.randperm(len(pool), device=x.device)]]
    index = order[:, leave][:, None].expand(-1, x.shape[1], -1)
    return _coloured(adv.scatter(2, index, x.gather(2, index)), places[:, leave]), places


def _coloured(images: Tensor, places: Tensor) -> Tensor:
    """Images `[B, C, P]` with every channel 0 or 1 at `places` `[B, n]`."""
    index = places[:, None].expand(-1, images.shape[1], -1)
    return images.scatter(2, index, torch.randint(2, index.shape, device=images.device).to(images))
